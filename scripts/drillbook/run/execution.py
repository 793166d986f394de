"""One run from its first to its last line; every way out of it closes the record."""

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from drillbook import process
from drillbook.ansible import Order
from drillbook.errors import DrillbookError, InfrastructureError
from drillbook.journal.journal import EventType, Journal, RunEvent
from drillbook.journal.ledger import Ledger, ResourceKind, State, process_resource
from drillbook.model import Heartbeat, Mode, Phase, Step, Verdict, parse_instant
from drillbook.run.evidence_log import write_record
from drillbook.run.observation import FACT_NEWEST, FACT_POINT, FACT_PUBLISHED, Observation
from drillbook.run.plan import Plan
from drillbook.run.record import Findings, build_record, identity
from drillbook.run.recovery_objective import Loss, Observed, RecoveryTime, judge_loss, refuse_wrong_clocks
from drillbook.run.stops import Stops
from drillbook.run.stopwatch import Stopwatch
from drillbook.run.teardown import batches, remove_together
from drillbook.run.tools import Tools
from drillbook.run.verdict import implied_checks, judge
from drillbook.run.work import RUN_INVENTORY, Run, Work


class Execution:
    """The state of one run."""

    def __init__(self, tools: Tools, plan: Plan, run_id: str, stops: Stops) -> None:
        self._tools = tools
        self._plan = plan
        self._run_id = run_id
        self._stops = stops
        self.directory = tools.state_directory / "runs" / run_id
        self._ledger = Ledger(self.directory, tools.clock)
        self._journal = Journal(self.directory)
        self._seen = Observation(self._emit)
        self._declared_at: datetime | None = None
        self._published: tuple[Heartbeat, ...] = ()
        self._loss: Loss | None = None
        self._work: Work | None = None

    def carry_out(self) -> tuple[Mapping[str, Any], DrillbookError | None]:
        """Open, do, tear down, close. Returns the record and what could not be done.

        Raises EvidenceError or OSError only when ledger, journal or evidence can't be written.
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
        self._ledger.intend(process_resource(ResourceKind.OWNER, me, target=self._plan.target))
        self._emit(EventType.OPENED, opened)
        self._tools.evidence.append("opened", self._run_id, opened)

    def _do(self) -> None:
        self._stops.begin(self._plan.deadline)
        for check in self._tools.gate.pass_through(self._plan, self._run_id):
            self._seen.check(check)
        self._work = self._tools.work(self._plan, self._stops)
        for check in self._work.gate() if self._work else ():
            self._seen.check(check)
        self._published = self._read_published()
        if self._plan.mode is Mode.SANDBOX:
            refuse_wrong_clocks(self._published, self._tools.clock_offset_limit)
        self._stops.raise_if_due("gate")
        variables = self._declare()
        for step in self._plan.steps:
            self._step(step, variables)
            if self._seen.must_stop:
                return
        self._loss = self._judge_loss()

    def _read_published(self) -> tuple[Heartbeat, ...]:
        """Heartbeats in the store; on the bad day their absence must not stop the restore, only its proof."""
        try:
            return self._tools.published(self._plan.service.name)
        except DrillbookError as error:
            if self._plan.mode is Mode.SANDBOX:
                raise
            self._emit(EventType.HEARTBEATS_UNREADABLE, {"message": str(error)})
            return ()

    def _declare(self) -> dict[str, Any]:
        self._declared_at = self._tools.clock.now()
        self._seen.stopwatch = Stopwatch(self._tools.clock, Phase.DECLARE)
        variables = self._plan.variables(self._run_id, self._declared_at)
        self._emit(EventType.DECLARED, {"disaster_at": variables["restore_disaster_at"]})
        return variables

    def _step(self, step: Step, variables: Mapping[str, Any]) -> None:
        self._stops.raise_if_due(f"before step {step.name}")
        self._switch(step.phase)
        self._emit(EventType.STEP_STARTED, {"name": step.name, "playbook": step.playbook})
        try:
            self._carry_out(step, variables)
        finally:
            self._switch(None)
            self._emit(EventType.STEP_ENDED, {"name": step.name})

    def _carry_out(self, step: Step, variables: Mapping[str, Any]) -> None:
        if step.playbook is not None:
            inventory = self.directory / RUN_INVENTORY
            order = Order(
                step=step.name,
                playbook=step.playbook,
                run_id=self._run_id,
                variables=variables,
                timeout=step.timeout,
                ledger_directory=self.directory,
                inventory=inventory if inventory.exists() else None,
            )
            self._tools.playbooks.run(order, self._seen, self._stops.reason)
            return
        if self._work is None:
            raise InfrastructureError(
                f"nobody does the step {step.name}", where=f"plan {self._plan.name}", remedy="Report this defect."
            )
        run = Run(self._plan, self._run_id, self._declared(), self._ledger, self._seen, self._stops)
        self._work.carry_out(step, run)

    def _declared(self) -> datetime:
        if self._declared_at is None:
            raise InfrastructureError(
                "no disaster was declared", where=f"run {self._run_id}", remedy="Report this defect."
            )
        return self._declared_at

    def _judge_loss(self) -> Loss:
        declared_at = self._declared()
        reported = self._seen.heartbeat(FACT_PUBLISHED)
        observed = Observed(
            disaster_at=self._plan.disaster_at or declared_at,
            newest=self._seen.heartbeat(FACT_NEWEST),
            published=(reported,) if reported else self._published,
            offset_limit=self._tools.clock_offset_limit,
        )
        return judge_loss(
            self._plan.service, self._plan.objectives.rpo, self._plan.point, self._target_time(), observed
        )

    def _target_time(self) -> datetime | None:
        """The moment aimed at: asked for, or told by whoever chose the recovery point."""
        point = self._seen.facts.get(FACT_POINT)
        told = point.get("target_time") if isinstance(point, Mapping) else None
        return self._plan.point.target_time or (parse_instant(str(told), where="fact recovery_point") if told else None)

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
        timeline = self._seen.stopwatch.stop() if self._seen.stopwatch else None
        record = build_record(self._plan, self._tools.who, self._findings(error, timeline))
        write_record(self.directory, record)
        self._tools.evidence.append("closed", self._run_id, record)
        owner = self._ledger.owner()
        if owner is not None:
            self._ledger.settle(owner)
        self._emit(
            EventType.CLOSED, {"verdict": record["verdict"], "error": record["error"], "directory": str(self.directory)}
        )
        return record

    def _findings(self, error: DrillbookError | None, timeline: Any) -> Findings:
        self._add_implied_checks(interrupted=error is not None or self._seen.must_stop)
        recovery = RecoveryTime(self._plan.rto_objective, self._seen.recovery_time)
        left = tuple(entry for entry in self._ledger.outstanding() if entry.state is not State.KEPT)
        verdict: Verdict = judge(
            error=error,
            checks=self._seen.checks,
            rto_met=recovery.met,
            loss=self._loss,
        )
        return Findings(
            run_id=self._run_id,
            declared_at=self._declared_at,
            finished_at=self._tools.clock.now(),
            timeline=timeline,
            observation=self._seen,
            recovery=recovery,
            loss=self._loss,
            error=error,
            resources=self._ledger.resources(),
            leftovers=left,
            verdict=verdict,
        )

    def _add_implied_checks(self, *, interrupted: bool) -> None:
        offset = self._loss.inputs.get("clock_offset_seconds") if self._loss else None
        self._seen.checks += implied_checks(
            self._seen.checks,
            mode=self._plan.mode,
            isolated=self._seen.isolated,
            offset_known=offset is not None,
            interrupted=interrupted,
        )

    def _switch(self, phase: Phase | None) -> None:
        if self._seen.stopwatch is not None:
            self._seen.stopwatch.switch(phase)

    def _emit(self, happened: EventType, data: Mapping[str, Any]) -> None:
        event = RunEvent(happened, self._run_id, self._tools.clock.now(), self._seen.elapsed, data)
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
