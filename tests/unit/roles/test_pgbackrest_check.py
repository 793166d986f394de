"""The archive's watch expects exactly the segments that lead from the newest backup to the present."""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.modules import module_at

if TYPE_CHECKING:
    from types import ModuleType

SCRIPT = Path(__file__).parents[3] / "roles/pgbackrest/files/pgbackrest_check.py"
SEGMENT = 16 * 1024 * 1024
SHA = "0" * 40


@pytest.fixture
def watch() -> ModuleType:
    """Load the script, which is installed on its own and is in no package."""
    return module_at(SCRIPT)


def test_the_segments_of_one_timeline_cross_the_border_of_a_log(watch: ModuleType) -> None:
    names = watch.expected_segments("0000000100000000000000FE", "000000010000000100000001", "", SEGMENT)
    assert names == [
        "0000000100000000000000FE",
        "0000000100000000000000FF",
        "000000010000000100000000",
        "000000010000000100000001",
    ]


def test_after_a_failover_the_new_timelines_file_is_expected_from_the_switch_on(watch: ModuleType) -> None:
    history = "1\t0/5000100\tno recovery target specified\n\n"
    names = watch.expected_segments("000000010000000000000004", "000000020000000000000006", history, SEGMENT)
    assert names == ["000000010000000000000004", "000000020000000000000005", "000000020000000000000006"]


def state(**changed: Any) -> dict[str, Any]:
    return {
        "leader": True,
        "segment_bytes": SEGMENT,
        "archive_mode": "on",
        "last_archived": "000000010000000000000006",
        "failing": False,
        "failed_count": 0,
        "ready": 0,
        "ready_seconds": 0.0,
        **changed,
    }


OPTIONS = argparse.Namespace(stanza="main", behind_seconds=60.0, behind_segments=16, backup_age_hours=26.0)


def repository(monkeypatch: pytest.MonkeyPatch, watch: ModuleType, *, kept: tuple[int, ...], hours_old: float) -> None:
    """Answer for pgBackRest: one backup that starts in segment 4, and the segments in `kept`."""

    def answer(command: list[str]) -> str:
        if command[-1] == "info":
            stopped = time.time() - hours_old * 3600
            backup = {"error": False, "archive": {"start": "000000010000000000000004"}, "timestamp": {"stop": stopped}}
            return json.dumps([{"name": "main", "backup": [backup] if hours_old >= 0 else []}])
        if command[-1] == "archive/main":
            return json.dumps({".": {}, "17-1": {}, "archive.info": {}})
        return json.dumps({f"0000000100000000{number:08X}-{SHA}.zst": {} for number in kept})

    monkeypatch.setattr(watch, "run", answer)


@pytest.mark.parametrize(
    ("kept", "hours_old", "alarm"),
    [
        ((4, 5, 6), 1, None),
        ((4, 6), 1, "first 000000010000000000000005"),
        ((4, 5), 1, "first 000000010000000000000006"),
        ((4, 5, 6), 30, "30.0 hours old"),
        ((4, 5, 6), -1, "no usable backup"),
    ],
)
def test_the_repository(
    watch: ModuleType, monkeypatch: pytest.MonkeyPatch, kept: tuple[int, ...], hours_old: float, alarm: str | None
) -> None:
    repository(monkeypatch, watch, kept=kept, hours_old=hours_old)
    alarms, _ = watch.look_at_repository(OPTIONS, state())
    assert len(alarms) == (alarm is not None)
    assert alarm is None or alarm in alarms[0]


def test_a_repository_that_does_not_answer_is_an_alarm(watch: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(command: list[str]) -> str:
        raise subprocess.TimeoutExpired(command, 30)

    monkeypatch.setattr(watch, "run", fail)
    assert "can't be asked" in watch.look_at_repository(OPTIONS, state())[0][0]


@pytest.mark.parametrize(
    ("changed", "alarm"),
    [
        ({}, None),
        ({"archive_mode": "off"}, "archive_mode is off"),
        ({"ready": 2, "ready_seconds": 61.0}, "the archive is behind"),
        ({"ready": 17}, "the archive is behind"),
    ],
)
def test_the_server(watch: ModuleType, changed: dict[str, Any], alarm: str | None) -> None:
    alarms, metrics = watch.look_at_server(OPTIONS, state(**changed))
    assert len(alarms) == (alarm is not None)
    assert alarm is None or alarm in alarms[0]
    assert metrics["drillbook_pgbackrest_leader"] == 1
