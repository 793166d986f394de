"""Orders that must not be carried out, and hosts that must not be used: refused by name, with nothing left."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import backup_sets

from drillbook.clock import SystemClock
from drillbook.model import SandboxHost
from drillbook.providers import open_sandboxes
from drillbook.providers.place import read_place

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.faults.conftest import Drills

pytestmark = pytest.mark.lab

LIMIT = timedelta(seconds=60)


def test_the_writers_credentials_in_a_drill(drills: Drills, tmp_path: Path) -> None:
    store = drills.lab.variables["drillbook_object_store"]
    source = drills.lab.state / "secrets/object_store"
    shutil.copytree(source, tmp_path / "keys")
    shutil.copy(source / "repository_writer.json", tmp_path / "keys/repository_reader.json")
    ran = drills.run(drillbook_object_store={**store, "credentials_directory": str(tmp_path / "keys")})
    assert ran.code == 2
    assert "repository_reader may" in ran.why()
    drills.assert_nothing_left()


def test_a_wrong_repository_key(drills: Drills) -> None:
    secret = drills.lab.state / "secrets/pgbackrest_cipher"
    right = secret.read_text(encoding="utf-8")
    secret.write_text("0" * 32 + "\n", encoding="utf-8")
    try:
        ran = drills.run()
    finally:
        secret.write_text(right, encoding="utf-8")
    assert ran.code == 3
    assert "pgbackrest_cipher_pass is not the key" in ran.why(), ran.why()
    drills.assert_nothing_left()


def test_the_object_store_is_silent(drills: Drills, silent_store: Callable[[], AbstractContextManager[None]]) -> None:
    with silent_store():
        ran = drills.run()
    assert ran.code == 3
    assert drills.lab.variables["drillbook_object_store"]["endpoint"] in json.dumps(ran.record), ran.why()


def test_a_sandbox_that_exists_already_is_left_alone(drills: Drills) -> None:
    """Another controller's: no ledger of this one names it."""
    place = read_place(drills.lab.variables["drillbook_providers"][0])
    sandboxes = open_sandboxes(place, SystemClock())
    claim = sandboxes.claim("sandbox1", "somebody-else", ())
    sandboxes.make(claim, SandboxHost("sandbox1", place.name), LIMIT)
    try:
        ran = drills.run()
        assert ran.code == 3
        assert "held by run somebody-else" in ran.why()
        assert drills.lab.sandboxes() == [claim.identifier]
    finally:
        sandboxes.destroy(claim, LIMIT)


def disk_of(size: int) -> dict[str, Any]:
    """The inventory's variable that gives the sandbox a disk of its own."""
    return {"drillbook_sandboxes": [{"host": "sandbox1", "provider": "lab", "disk_bytes": size}]}


def test_a_disk_that_is_too_small(drills: Drills) -> None:
    ran = drills.run(**disk_of(16 * 1024**2))
    assert ran.code == 3
    assert "Disk too small on sandbox1" in ran.why()
    drills.assert_nothing_left()


def test_a_disk_that_fills_up_during_replay(drills: Drills) -> None:
    """For PostgreSQL a restore_command that fails is the end of the archive: it would open early, and say nothing."""
    fill = "fallocate --length $(($(df --output=avail --block-size=1 . | tail -1) - 8388608)) ballast"

    def use_up() -> None:
        (sandbox,) = drills.lab.sandboxes()
        drills.lab.podman("exec", "--workdir", "/var/lib/postgresql", sandbox, "sh", "-c", fill)

    with drills.when("replay", use_up):
        ran = drills.run(**disk_of(3 * 1024**3))
    assert ran.code != 0
    assert "is full" in ran.why() or "WAL continuity" in ran.failed_checks(), ran.why()
    drills.assert_nothing_left()


def test_a_target_after_the_last_segment(drills: Drills) -> None:
    ran = drills.run("--point", "time=2099-01-01T00:00:00Z")
    assert ran.code == 3
    assert "recovery ended before configured recovery target was reached" in ran.why()
    kept = drills.lab.state / "state/runs" / ran.record["run_id"] / "server-sandbox1.log"
    assert "recovery ended before configured recovery target" in kept.read_text(encoding="utf-8")
    drills.assert_nothing_left()


def test_a_target_on_the_other_timeline(drills: Drills) -> None:
    """A set that was taken after a branch does not lead to the timeline that the branch left."""
    lab = drills.lab
    if int(lab.cluster()[0]["timeline"]) == 1:
        lab.playbook(
            "switchover_postgresql", variables={"switchover_service": "main", "switchover_confirm": "postgresql_main"}
        )
    lab.playbook("backup_postgresql", variables={"backup_service": "main", "backup_type": "full"})
    newest = backup_sets(lab)[-1]
    timeline = int(newest["archive"]["start"][:8], 16)
    assert timeline > 1
    ran = drills.run("--set", newest["label"], "--timeline", str(timeline - 1))
    assert ran.code == 3
    assert f"does not lie on the line to timeline {timeline - 1}" in ran.why()
    drills.assert_nothing_left()
