"""Damage in the repository: each turns the drill red, names itself, and leaves nothing behind."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import backup_sets, wanting

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.conftest import Bucket, Drills

pytestmark = pytest.mark.lab

SEGMENT = re.compile(r"/([0-9A-F]{24})-[0-9a-f]{40}")


def test_an_undamaged_backup_passes(drills: Drills) -> None:
    ran = drills.run()
    assert wanting(ran.record) == []
    assert ran.code == (0 if ran.record["rto"]["met"] else 1)
    phases = sum(phase["seconds"] for phase in ran.record["phases"]) + ran.record["unattributed_seconds"]
    assert phases == pytest.approx(ran.record["total_seconds"], rel=0.01)
    drills.assert_nothing_left()


def test_a_flipped_bit_in_a_backup_file(
    drills: Drills, repository: Bucket, replaced: Callable[[str, bytes | None], Any]
) -> None:
    files = [
        entry for entry in repository.keys("pgbackrest/backup/main/") if re.search(r"/\d{8}-\d{6}F/bundle/", entry[0])
    ]
    newest = max(key.split("/")[3] for key, _size in files)
    key = max((entry for entry in files if newest in entry[0]), key=lambda entry: entry[1])[0]
    body = bytearray(repository.get(key))
    body[len(body) // 2] ^= 1
    with replaced(key, bytes(body)):
        ran = drills.run()
    assert ran.code != 0
    assert ran.record["verdict"] in ("FAIL", "ERROR")
    assert re.search(r"checksum|decrypt|cipher|decompress|corrupt", ran.why(), re.IGNORECASE), ran.why()
    drills.assert_nothing_left()


def segments_behind_the_newest_backup(drills: Drills, repository: Bucket) -> list[str]:
    """Keys of archived segments that no backup needs to be whole, oldest first; waited for, because a timer may just have taken one."""
    deadline = time.monotonic() + 180
    while True:
        stop = max(str(entry["archive"]["stop"]) for entry in backup_sets(drills.lab))
        keys = sorted(key for key, _size in repository.keys("pgbackrest/archive/main/") if SEGMENT.search(key))
        behind = [key for key in keys if (found := SEGMENT.search(key)) and found[1] > stop]
        if len(behind) >= 3:
            return behind
        assert time.monotonic() < deadline, f"only {len(behind)} segments are archived behind {stop}"
        time.sleep(5)


def test_a_segment_missing_in_the_middle(
    drills: Drills, repository: Bucket, replaced: Callable[[str, bytes | None], Any]
) -> None:
    """pgBackRest's restore, info and verify say nothing about it: the check is our own."""
    key = segments_behind_the_newest_backup(drills, repository)[-2]
    found = SEGMENT.search(key)
    assert found is not None
    with replaced(key, None):
        ran = drills.run()
    assert ran.code != 0
    assert "WAL continuity" in ran.failed_checks()
    assert found.group(1) in ran.why()
    drills.assert_nothing_left()
