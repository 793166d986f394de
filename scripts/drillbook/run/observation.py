"""Collects what a run reports while it happens: phases, checks, facts and the instants that matter."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

from drillbook.journal.journal import EventType
from drillbook.model import Check, CheckStatus, Heartbeat, Stage, phase_of_play
from drillbook.sanitize import sanitized, sanitized_json

if TYPE_CHECKING:
    from drillbook.run.stopwatch import Stopwatch

Emit = Callable[[EventType, Mapping[str, Any]], None]

FACT_FIRST_ANSWER = "first_answer"
FACT_ISOLATED = "isolated"
FACT_NEWEST = "newest_heartbeat"
FACT_OTHERS = "heartbeats_of_other_hosts"
FACT_POINT = "recovery_point"
FACT_PREDICTED = "predicted"
FACT_PUBLISHED = "published_heartbeat"
FACT_STOPPED = "service_stopped_at"


class Observation:
    """Implements ``Watcher``; ``emit`` takes each event on to journal and reporters. Checks and facts may come from several threads."""

    def __init__(self, emit: Emit) -> None:
        self._lock = Lock()
        self._emit = emit
        self.stopwatch: Stopwatch | None = None
        self.checks: list[Check] = []
        self.facts: dict[str, Any] = {}
        self.first_answer: timedelta | None = None
        self._last_verified: timedelta | None = None

    def play_started(self, name: str) -> None:
        """Switch the stopwatch to the phase that the play's name begins."""
        name = sanitized(name)
        phase = phase_of_play(name)
        if phase is not None and self.stopwatch is not None:
            self.stopwatch.switch(phase)
        self._emit(EventType.PLAY, {"name": name, "phase": phase.value if phase else None})

    def check(self, check: Check) -> None:
        """Keep a check; the last of *verify* ends the recovery time."""
        with self._lock:
            self.checks.append(check)
            if check.stage is Stage.VERIFY and self.stopwatch is not None:
                self._last_verified = self.stopwatch.elapsed()
            self._emit(EventType.CHECK, check.as_json())

    def fact(self, name: str, value: Any) -> None:
        """Keep a fact; the last value counts, of the first answer the first moment. It may be a guest's, so it is made fit for a record."""
        value = sanitized_json(value)
        with self._lock:
            self.facts[name] = value
            if name == FACT_FIRST_ANSWER and self.first_answer is None and self.stopwatch is not None:
                self.first_answer = self.stopwatch.elapsed()
            self._emit(EventType.FACT, {"name": name, "value": value})

    def task_runs(self, task: str, running: timedelta) -> None:
        """Pass on how long a task has run."""
        self._emit(EventType.TASK_RUNS, {"task": sanitized(task), "seconds": round(running.total_seconds())})

    def task_failed(self, host: str, task: str, message: str) -> None:
        """Pass a failed task on."""
        self._emit(EventType.TASK_FAILED, sanitized_json({"host": host, "task": task, "message": message}))

    @property
    def elapsed(self) -> timedelta | None:
        """Time since the declaration; None before it."""
        return None if self.stopwatch is None else self.stopwatch.elapsed()

    @property
    def recovery_time(self) -> timedelta | None:
        """RTO actual: from the declaration to the last check of *verify*; None unless all are green or skipped."""
        of_verify = [check.status for check in self.checks if check.stage is Stage.VERIFY]
        if CheckStatus.PASSED not in of_verify or CheckStatus.FAILED in of_verify:
            return None
        return self._last_verified

    @property
    def must_stop(self) -> bool:
        """Tell whether a failed check makes going on unsafe."""
        return any(check.status is CheckStatus.FAILED and check.stage.stops_the_run for check in self.checks)

    @property
    def isolated(self) -> bool | None:
        """What was proven about the isolation; None if nothing was."""
        stated = self.facts.get(FACT_ISOLATED)
        if isinstance(stated, bool):
            return stated
        statuses = [check.status for check in self.checks if check.stage is Stage.ISOLATION]
        if not statuses or CheckStatus.SKIPPED in statuses:
            return None
        return CheckStatus.FAILED not in statuses

    def heartbeat(self, name: str) -> Heartbeat | None:
        """The heartbeat reported as fact ``name``; None where none was found. Raises MalformedDataError."""
        data = self.facts.get(name)
        if data is None or (isinstance(data, Mapping) and not data.get("written_at")):
            return None
        return Heartbeat.from_fact(data, where=f"the fact {name}")
