"""The writer's key is stolen and the whole stanza deleted: versions and locks bring it back."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.conftest import backup_sets, wait_until_archived, wanting

if TYPE_CHECKING:
    from testinfra.host import Host
    from tests.faults.conftest import Bucket, Drills

pytestmark = pytest.mark.lab


def sets_told(drills: Drills, *options: str) -> tuple[int, list[str]]:
    """What `drillbook recovery-points` says: its exit code, and the sets."""
    said = drills.lab.run("drillbook", "recovery-points", "main", *options, "--json")
    return said.returncode, [one["label"] for one in json.loads(said.stdout)["sets"]]


def test_a_deleted_stanza_is_restored_from_the_locked_versions(
    drills: Drills, repository: Bucket, leader: Host
) -> None:
    """First as a drill, with the reader's key alone; then the repository itself, by the operator's."""
    # What is archived from now on is not deleted: the moment that is gone back to is later than all that is.
    there = dict(repository.keys("pgbackrest/"))
    time.sleep(2)
    before = datetime.now(UTC).isoformat()
    time.sleep(2)
    labels = [found["label"] for found in backup_sets(drills.lab)]
    for key in there:
        repository.delete(key)
    try:
        assert not repository.keys("pgbackrest/backup/")
        assert sets_told(drills) == (1, [])
        assert sets_told(drills, "--repository-time", before) == (0, labels)
        gone = drills.run("--disaster-at", before)
        assert gone.code == 3, gone.why()
        assert "--repository-time" in gone.why()
        back = drills.run("--repository-time", before, "--disaster-at", before)
        assert wanting(back.record) == []
    finally:
        recovered = drills.lab.run("drillbook", "repository", "recover", "--as-of", before, "--json")
    assert recovered.returncode == 0, recovered.stdout + recovered.stderr
    assert set(json.loads(recovered.stdout)["bring_back"]) >= {key for key in there if "/backup/" in key}
    assert there.items() <= dict(repository.keys("pgbackrest/")).items()
    again = json.loads(
        drills.lab.run("drillbook", "repository", "recover", "--as-of", before, "--check", "--json").stdout
    )
    assert again["bring_back"] == []
    wait_until_archived(leader, seconds=120)
    assert wanting(drills.run().record) == []
    drills.assert_nothing_left()
