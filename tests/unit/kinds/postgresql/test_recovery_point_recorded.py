"""What pgBackRest 2.55 really answers, recorded from a repository with a failover and with dropped segments.

One full backup and increments; segments 4B to 4E of timeline 1 were dropped when the queue was full (pgBackRest says nothing
of it); then a standby was promoted in segment 8C, which began timeline 2.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from drillbook.kinds.postgresql.recovery_point import choose
from drillbook.kinds.postgresql.wal import Archive, Segment, check_continuity

DATA = Path(__file__).parent / "data"
HISTORY = {"17-1/00000002.history": "1\t0/8C0000A0\tno recovery target specified\n"}
FULL = "20261121-053654F"
LAST_BEFORE_THE_FAILOVER = f"{FULL}_20261121-064309I"
FIRST_AFTER_THE_FAILOVER = f"{FULL}_20261121-065312I"


@pytest.fixture(scope="module")
def info() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DATA / "pgbackrest_info.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def archive() -> Archive:
    return Archive.parse(json.loads((DATA / "pgbackrest_archive.json").read_text(encoding="utf-8")), HISTORY)


def test_the_archive(archive: Archive) -> None:
    assert archive.timelines == (1, 2)
    assert archive.promoted == {2}
    assert archive.continues(2)


def test_the_dropped_segments_are_found_from_the_full_backup_on(archive: Archive) -> None:
    found = check_continuity(archive, Segment(1, 4), 2)
    assert found.missing == tuple(Segment(1, number).name() for number in range(0x4B, 0x4F))


def test_a_backup_behind_the_hole_leads_to_the_present(info: list[dict[str, Any]], archive: Archive) -> None:
    chosen = choose(info, archive, "main", {"type": "latest", "set": LAST_BEFORE_THE_FAILOVER})
    assert chosen.timeline == 2
    assert check_continuity(archive, chosen.set.first_segment, chosen.timeline).unbroken


@pytest.mark.parametrize(
    ("request_", "label", "timeline"),
    [
        ({"type": "oldest"}, FULL, 2),
        ({"type": "name", "target": "before-release"}, FULL, 2),
        ({"type": "lsn", "target": "0/8C000080"}, LAST_BEFORE_THE_FAILOVER, 2),
        ({"type": "time", "target": "2026-11-21 06:52:45.000000+00"}, LAST_BEFORE_THE_FAILOVER, 2),
        ({"type": "time", "target": "2026-11-21 06:54:00.000000+00"}, FIRST_AFTER_THE_FAILOVER, 2),
        ({"type": "lsn", "target": "0/8C000080", "timeline": 1}, LAST_BEFORE_THE_FAILOVER, 1),
    ],
)
def test_set_and_timeline(
    info: list[dict[str, Any]], archive: Archive, request_: dict[str, Any], label: str, timeline: int
) -> None:
    chosen = choose(info, archive, "main", request_)
    assert (chosen.set.label, chosen.timeline) == (label, timeline)


def test_the_prediction_is_in_bytes(info: list[dict[str, Any]], archive: Archive) -> None:
    chosen = choose(info, archive, "main", {"type": "oldest"})
    assert chosen.set.size == 23235078
    assert chosen.predicted()["disk_bytes"] > chosen.predicted()["bytes"]
