"""Everything that happens in a run, appended as it happens; reports and metrics are functions of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from drillbook.journal.lines import append_line, read_lines
from drillbook.model.instants import format_instant

JOURNAL_SCHEMA = "drillbook.journal/1"
JOURNAL_FILE = "journal.jsonl"


class EventType(StrEnum):
    """What can happen in a run, with the fields that each carries.

    ``opened``: who runs which plan, as the evidence holds it. ``evidence_trouble``: message. ``heartbeats_unreadable``: message. ``declared``: disaster_at.
    ``step_started``: name, playbook; ``step_ended``: name. ``play``: name, phase. ``check``: a check as JSON. ``fact``: name, value.
    ``task_runs``: task, seconds; once a minute. ``task_failed``: host, task, message.
    ``teardown``: kind and name of a resource. ``closed``: verdict, error, directory, and entry:
    name and sha256, null where no log took it. ``reporter_failed``: message.
    """

    OPENED = "opened"
    EVIDENCE_TROUBLE = "evidence_trouble"
    HEARTBEATS_UNREADABLE = "heartbeats_unreadable"
    DECLARED = "declared"
    STEP_STARTED = "step_started"
    STEP_ENDED = "step_ended"
    PLAY = "play"
    CHECK = "check"
    FACT = "fact"
    TASK_RUNS = "task_runs"
    TASK_FAILED = "task_failed"
    TEARDOWN = "teardown"
    CLOSED = "closed"
    REPORTER_FAILED = "reporter_failed"


@dataclass(frozen=True, slots=True)
class RunEvent:
    """Something happened; ``elapsed`` counts from the declaration and is None before it."""

    type: EventType
    run_id: str
    at: datetime
    elapsed: timedelta | None
    data: Mapping[str, Any] = field(default_factory=dict)


class Reporter(Protocol):
    """Is told every event of a run; whatever it raises never harms the run."""

    def __call__(self, event: RunEvent) -> None:
        """Take notice of ``event``."""
        ...


class Journal:
    """The JSON lines file of one run."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / JOURNAL_FILE

    def __call__(self, event: RunEvent) -> None:
        """Append the event; raises OSError when the disk refuses it, which ends the run."""
        append_line(
            self.path,
            {
                "schema": JOURNAL_SCHEMA,
                "run_id": event.run_id,
                "at": format_instant(event.at),
                "elapsed_seconds": None if event.elapsed is None else round(event.elapsed.total_seconds(), 3),
                "event": event.type.value,
                **event.data,
            },
        )

    def entries(self) -> tuple[dict[str, Any], ...]:
        """Return what was written, in order; what can't be read is left out."""
        return tuple(entry for _number, entry in read_lines(self.path).entries)
