"""Progress: one line per event that matters, nothing for the others."""

from datetime import timedelta

import pytest
from tests.unit.world import START

from drillbook.cli.progress import Progress
from drillbook.journal.journal import RunEvent


def test_one_line_per_event_that_matters(capsys: pytest.CaptureFixture[str]) -> None:
    check = {"name": "heartbeat found", "status": "passed", "message": ""}
    with Progress() as progress:
        progress(RunEvent("opened", "run-1", START, None, {}))
        progress(RunEvent("play", "run-1", START, timedelta(seconds=12), {"name": "(5/8) transfer: Restore"}))
        progress(RunEvent("check", "run-1", START, timedelta(seconds=20), check))
        progress(RunEvent("fact", "run-1", START, timedelta(seconds=20), {"name": "isolated", "value": True}))
        progress(RunEvent("closed", "run-1", START, timedelta(seconds=30), {"verdict": "PASS"}))
    assert capsys.readouterr().err.splitlines() == [
        "      -  run run-1",
        "  12.0s  (5/8) transfer: Restore",
        "  20.0s    ok  heartbeat found",
        "  30.0s  closed: PASS",
    ]


def test_failure_is_told_with_its_cause(capsys: pytest.CaptureFixture[str]) -> None:
    event = RunEvent(
        "task_failed", "r", START, timedelta(seconds=3), {"task": "Restore", "host": "h", "message": "[x] bad"}
    )
    Progress()(event)
    assert "3.0s    FAILED  Restore on h: [x] bad" in capsys.readouterr().err
