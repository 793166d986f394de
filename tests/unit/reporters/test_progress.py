"""Progress: one line per event that matters, nothing for the others."""

from datetime import timedelta

import pytest
from tests.unit.world import START

from drillbook.cli.output import console
from drillbook.journal.journal import EventType, RunEvent
from drillbook.reporters.progress import Progress


def test_one_line_per_event_that_matters(capsys: pytest.CaptureFixture[str]) -> None:
    check = {"name": "heartbeat found", "status": "passed", "message": ""}
    with Progress(console(stderr=True)) as progress:
        progress(RunEvent(EventType.OPENED, "run-1", START, None, {}))
        progress(RunEvent(EventType.PLAY, "run-1", START, timedelta(seconds=12), {"name": "(5/8) transfer: Restore"}))
        progress(
            RunEvent(EventType.TASK_RUNS, "run-1", START, timedelta(seconds=199), {"task": "Copy", "seconds": 187})
        )
        progress(RunEvent(EventType.CHECK, "run-1", START, timedelta(seconds=20), check))
        progress(RunEvent(EventType.FACT, "run-1", START, timedelta(seconds=20), {"name": "isolated", "value": True}))
        progress(RunEvent(EventType.CLOSED, "run-1", START, timedelta(seconds=30), {"verdict": "PASS"}))
    assert capsys.readouterr().err.splitlines() == [
        "      -  run run-1",
        "  12.0s  (5/8) transfer: Restore",
        " 199.0s    still  Copy, for 3 min",
        "  20.0s    ok  heartbeat found",
        "  30.0s  closed: PASS",
    ]


def test_failure_is_told_with_its_cause(capsys: pytest.CaptureFixture[str]) -> None:
    event = RunEvent(
        EventType.TASK_FAILED, "r", START, timedelta(seconds=3), {"task": "Restore", "host": "h", "message": "[x] bad"}
    )
    Progress(console(stderr=True))(event)
    assert "3.0s    FAILED  Restore on h: [x] bad" in capsys.readouterr().err
