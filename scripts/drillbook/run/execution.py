"""One run from its first to its last line; every way out of it closes the record."""

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from drillbook import process
from drillbook.errors import DrillbookError, InfrastructureError
from drillbook.journal.journal import EventType, Journal, RunEvent
from drillbook.journal.ledger import Ledger, ResourceKind, State, process_resource
from drillbook.model import Check, Phase, format_instant
from drillbook.run.evidence_log import write_record
from drillbook.run.plan import Plan
from drillbook.run.record import Findings, TrackFindings, build_record, identity
from drillbook.run.run_evidence import RunEvidence
from drillbook.run.stops import Stops
from drillbook.run.teardown import batches, remove_together
from drillbook.run.tools import Tools
from drillbook.run.track_run import TrackRun
from drillbook.run.verdict import judge
from drillbook.sanitize import sanitized_json


class Execution:
    """The state of one run: its tracks, one after the other."""

    def __init__(self, tools: Tools, plan: Plan, run_id: str, stops: Stops) -> None:
        self._tools = tools
        self._plan = plan
        self._run_id = run_id
        self._stops = stops
        self.directory = tools.state_directory / "runs" / run_id
        self._ledger = Ledger(self.directory, tools.clock)
        self._journal = Journal(self.directory)
        self.evidence = RunEvidence(tools.evidence, plan.mode, self.directory)
        self._declared_at: datetime | None = None
        self._checks: list[Check] = []
        self._tracks = tuple(
            TrackRun(tools, plan, track, run_id=run_id, stops=stops, ledger=self._ledger, emit=self._emit)
            for track in plan.tracks
        )

    def carry_out(self) -> tuple[Mapping[str, Any], DrillbookError | None]:
        """Open, do, tear down, close. Returns the record and what could not be done.

        Raises OSError only when ledger or journal can't be written, and of a drill EvidenceError when the evidence can't.
        """
        self._open()
        error = _attempt(self._do)
        error_of_teardown = _attempt(self._tear_down)
        process.kill_marked(self._run_id)
        return self._close(error or error_of_teardown), error or error_of_teardown

    def _open(self) -> None:
        self.directory.mkdir(parents=True, mode=0o700)
        opened = {**identity(self._plan, self._tools.who), "plan": self._plan.as_json()}
        me = process.ProcessIdentity.of(os.getpid())
        self._ledger.intend(process_resource(ResourceKind.OWNER, me, targets=list(self._plan.targets)))
        self._emit(EventType.OPENED, opened)
        self.evidence.open(self._run_id, opened)
        self._tell_trouble()

    def _do(self) -> None:
        self._stops.begin(self._plan.deadline)
        for check in self._tools.gate.pass_through(self._plan, self._run_id):
            self._check(check)
        for check in self.evidence.checks():
            self._check(check)
        for track in self._tracks:
            track.prepare()
        self._stops.raise_if_due("gate")
        self._declare()
        for track in self._tracks:
            track.carry_out()
            if track.seen.must_stop:
                return

    def _check(self, check: Check) -> None:
        self._checks.append(check)
        self._emit(EventType.CHECK, {**check.as_json(), "service": ""})

    def _tell_trouble(self) -> None:
        if self.evidence.trouble:
            self._emit(EventType.EVIDENCE_TROUBLE, {"message": self.evidence.trouble})

    def _declare(self) -> None:
        at = self._tools.clock.now()
        self._declared_at = at
        for track in self._tracks:
            track.declare(at)
        self._emit(EventType.DECLARED, {"disaster_at": format_instant(self._plan.disaster_at or at)})

    def _tear_down(self) -> None:
        self._switch(Phase.TEARDOWN)
        first: DrillbookError | None = None
        for together in batches(self._ledger.outstanding()):
            if together[0].kind is ResourceKind.MACHINE and self._plan.keep:
                for resource in together:
                    self._ledger.settle(resource, State.KEPT)
                continue
            for resource in together:
                self._emit(EventType.TEARDOWN, {"kind": resource.kind.value, "name": resource.name})
            try:
                remove_together(together, run_id=self._run_id, ledger=self._ledger, removers=self._tools.removers)
            except DrillbookError as error:
                first = first or error
        self._switch(None)
        if first is not None:
            raise first

    def _close(self, error: DrillbookError | None) -> Mapping[str, Any]:
        record: Mapping[str, Any] = sanitized_json(build_record(self._plan, self._tools.who, self._findings(error)))
        write_record(self.directory, record)
        self.evidence.close(self._run_id, record)
        self._tell_trouble()
        owner = self._ledger.owner()
        if owner is not None:
            self._ledger.settle(owner)
        entry = self.evidence.entry
        self._emit(
            EventType.CLOSED,
            {
                "verdict": record["verdict"],
                "error": record["error"],
                "directory": str(self.directory),
                "entry": entry and {"name": entry.name, "sha256": entry.sha256},
            },
        )
        return record

    def _findings(self, error: DrillbookError | None) -> Findings:
        stopped = error is not None or any(track.seen.must_stop for track in self._tracks)
        for track in self._tracks:
            track.add_implied_checks(interrupted=stopped)
        found = tuple(
            TrackFindings(track.track, track.stop(), track.seen, track.recovery, track.loss) for track in self._tracks
        )
        left = tuple(entry for entry in self._ledger.outstanding() if entry.state is not State.KEPT)
        return Findings(
            run_id=self._run_id,
            declared_at=self._declared_at,
            finished_at=self._tools.clock.now(),
            checks=tuple(self._checks),
            tracks=found,
            error=error,
            resources=self._ledger.resources(),
            leftovers=left,
            verdict=judge(
                error=error,
                checks=[*self._checks, *(check for track in found for check in track.observation.checks)],
                outcomes=[(track.recovery.met, track.loss) for track in found],
            ),
        )

    def _switch(self, phase: Phase | None) -> None:
        for track in self._tracks:
            track.switch(phase)

    def _emit(self, happened: EventType, data: Mapping[str, Any]) -> None:
        elapsed = self._tracks[0].seen.elapsed if self._declared_at is not None else None
        event = RunEvent(happened, self._run_id, self._tools.clock.now(), elapsed, data)
        self._journal(event)
        for reporter in self._tools.reporters:
            self._harmless(partial(reporter, event))

    def _harmless(self, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - whoever only reports must never fail a run
            note = {"message": f"{type(error).__name__}: {error}"}
            self._journal(RunEvent(EventType.REPORTER_FAILED, self._run_id, self._tools.clock.now(), None, note))


def _attempt(action: Callable[[], None]) -> DrillbookError | None:
    """Do it and return what went wrong."""
    try:
        action()
    except DrillbookError as error:
        return error
    except Exception as error:  # noqa: BLE001 - each way out of a run closes its record
        return InfrastructureError(
            f"{type(error).__name__}: {error}", where="drillbook itself", remedy="Report this with the run's journal."
        )
    return None
