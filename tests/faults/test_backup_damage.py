"""Damage that is PostgreSQL's own: it turns the drill red and names itself. What every kind must find stands in tests/contract/kinds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import backup_sets, end_segments, wait_until_archived

if TYPE_CHECKING:
    from collections.abc import Callable

    from testinfra.host import Host
    from tests.faults.conftest import Bucket, Drills

pytestmark = pytest.mark.lab

SEGMENT = re.compile(r"/([0-9A-F]{24})-[0-9a-f]{40}")


def segments_behind_the_newest_backup(drills: Drills, repository: Bucket, leader: Host) -> list[str]:
    """Keys of archived segments that no backup needs to be whole, oldest first; asked again where a timer has just taken one."""
    for _ in range(3):
        end_segments(leader, 3)
        wait_until_archived(leader)
        stop = max(str(entry["archive"]["stop"]) for entry in backup_sets(drills.lab))
        keys = sorted(key for key, _size in repository.keys("pgbackrest/archive/main/") if SEGMENT.search(key))
        behind = [key for key in keys if (found := SEGMENT.search(key)) and found[1] > stop]
        if len(behind) >= 3:
            return behind
    pytest.fail("three times, fewer than three segments were archived behind the newest backup")


def test_a_segment_missing_in_the_middle(
    drills: Drills,
    repository: Bucket,
    replaced: Callable[[str, bytes | None], Any],
    host: Callable[[str], Host],
) -> None:
    """pgBackRest's restore, info and verify say nothing about it: the check is our own."""
    key = segments_behind_the_newest_backup(drills, repository, host(drills.lab.leader()))[-2]
    found = SEGMENT.search(key)
    assert found is not None
    with replaced(key, None):
        ran = drills.run()
    assert ran.code != 0
    assert "WAL continuity" in ran.failed_checks()
    assert found.group(1) in ran.why()
    drills.assert_nothing_left()
