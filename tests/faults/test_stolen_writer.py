"""The writer's key is stolen and the whole stanza deleted: versions and locks bring it back, with the reader's key alone."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.faults.conftest import Bucket

if TYPE_CHECKING:
    from tests.faults.conftest import Drills

pytestmark = pytest.mark.lab


def test_a_deleted_stanza_is_restored_from_the_locked_versions(drills: Drills, repository: Bucket) -> None:
    time.sleep(2)
    before = datetime.now(UTC)
    time.sleep(2)
    deleted = [key for key, _size in repository.keys("pgbackrest/")]
    for key in deleted:
        repository.delete(key)
    try:
        assert repository.keys("pgbackrest/backup/") == []
        gone = drills.run("--disaster-at", before.isoformat())
        assert gone.code == 3, gone.why()
        assert "--repository-time" in gone.why()
        back = drills.run("--repository-time", before.isoformat(), "--disaster-at", before.isoformat())
    finally:
        put_back(Bucket(drills.lab, "repository_reader", "repository"), repository, deleted)
    assert (back.code, back.record["verdict"]) == (0, "PASS"), back.why()
    drills.assert_nothing_left()


def put_back(reader: Bucket, writer: Bucket, keys: list[str]) -> None:
    """Write each object's newest surviving version again; the reader may read versions, the writer may put."""
    for key in keys:
        listed = reader.client.list_object_versions(Bucket=reader.name, Prefix=key)
        newest = next(version for version in listed["Versions"] if version["Key"] == key)
        kept = reader.client.get_object(Bucket=reader.name, Key=key, VersionId=newest["VersionId"])
        writer.put(key, kept["Body"].read())
