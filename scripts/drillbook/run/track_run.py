"""One track of a run while it is carried out: its steps, its clock, and what is seen of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from drillbook.ansible import Order
from drillbook.errors import DrillbookError, InfrastructureError
from drillbook.journal.journal import EventType
from drillbook.journal.ledger import Ledger
from drillbook.model import Heartbeat, Mode, Phase, Step, Timeline, parse_instant
from drillbook.run.observation import FACT_NEWEST, FACT_POINT, FACT_PUBLISHED, FACT_STOPPED, Emit, Observation
from drillbook.run.plan import Plan, Track
from drillbook.run.recovery_objective import Loss, Observed, RecoveryTime, judge_loss, refuse_wrong_clocks
from drillbook.run.stops import Stops
from drillbook.run.stopwatch import Stopwatch
from drillbook.run.tools import Tools
from drillbook.run.verdict import implied_checks
from drillbook.run.work import RUN_INVENTORY, Run, Work


class TrackRun:
    """The state of one track; ``emit`` is told what happens, with the service that it happens to."""

    def __init__(
        self, tools: Tools, plan: Plan, track: Track, *, run_id: str, stops: Stops, ledger: Ledger, emit: Emit
    ) -> None:
        self.track = track
        self.seen = Observation(lambda kind, data: emit(kind, {**data, "service": track.service.name}))
        self.loss: Loss | None = None
        self._tools = tools
        self._plan = plan
        self._run_id = run_id
        self._stops = stops
        self._ledger = ledger
        self._emit = emit
        self._declared_at: datetime | None = None
        self._published: tuple[Heartbeat, ...] = ()
        self._work: Work | None = None

    def prepare(self) -> None:
        """Check what must hold before the disaster is declared; raises DrillbookError. Nothing is made."""
        self._work = self._tools.work(self._plan, self.track, self._stops)
        for check in self._work.gate() if self._work else ():
            self.seen.check(check)
        self._published = self._read_published()
        if self._plan.mode is Mode.SANDBOX:
            refuse_wrong_clocks(self._published, self._tools.clock_offset_limit)

    def declare(self, at: datetime) -> None:
        """Start the clock."""
        self._declared_at = at
        self.seen.stopwatch = Stopwatch(self._tools.clock, Phase.DECLARE)

    def carry_out(self) -> None:
        """Do the steps, until a failed check makes going on unsafe; then judge what was lost. Raises DrillbookError."""
        variables = self._plan.variables(self.track, self._run_id, self._declared())
        for step in self.track.steps:
            self._step(step, variables)
            if self.seen.must_stop:
                return
        self.loss = self._judge_loss()

    def switch(self, phase: Phase | None) -> None:
        """Attribute the time from now on to a phase, or to none."""
        if self.seen.stopwatch is not None:
            self.seen.stopwatch.switch(phase)

    def stop(self) -> Timeline | None:
        """Stop the clock and return where the time went; None where it never started."""
        return self.seen.stopwatch.stop() if self.seen.stopwatch else None

    @property
    def recovery(self) -> RecoveryTime:
        """How long the recovery took, against its objective."""
        return RecoveryTime(self.track.rto, self.seen.recovery_time)

    def add_implied_checks(self, *, interrupted: bool) -> None:
        """Add what nobody looked at, as skipped checks; ``interrupted`` says that the run stopped early."""
        offset = self.loss.inputs.get("clock_offset_seconds") if self.loss else None
        self.seen.checks += implied_checks(
            self.seen.checks,
            mode=self._plan.mode,
            isolated=self.seen.isolated,
            offset_known=offset is not None,
            interrupted=interrupted or self.seen.must_stop,
        )

    def _read_published(self) -> tuple[Heartbeat, ...]:
        """Heartbeats in the store; on the bad day their absence must not stop the restore, only its proof."""
        try:
            return self._tools.published(self.track.service.name)
        except DrillbookError as error:
            if self._plan.mode is Mode.SANDBOX:
                raise
            self._emit(EventType.HEARTBEATS_UNREADABLE, {"message": str(error), "service": self.track.service.name})
            return ()

    def _step(self, step: Step, variables: Mapping[str, Any]) -> None:
        self._stops.raise_if_due(f"before step {step.name}")
        self.switch(step.phase)
        said = {"name": step.name, "service": self.track.service.name}
        self._emit(EventType.STEP_STARTED, {**said, "playbook": step.playbook})
        try:
            self._do(step, variables)
        finally:
            self.switch(None)
            self._emit(EventType.STEP_ENDED, said)

    def _do(self, step: Step, variables: Mapping[str, Any]) -> None:
        directory = self._ledger.path.parent
        if step.playbook is not None:
            inventory = directory / RUN_INVENTORY
            order = Order(
                step=step.name,
                playbook=step.playbook,
                run_id=self._run_id,
                variables=variables,
                timeout=step.timeout,
                ledger_directory=directory,
                inventory=inventory if inventory.exists() else None,
            )
            self._tools.playbooks.run(order, self.seen, self._stops.reason)
            return
        if self._work is None:
            raise InfrastructureError(
                f"nobody does the step {step.name}", where=f"plan {self._plan.name}", remedy="Report this defect."
            )
        run = Run(self._plan, self.track, self._run_id, self._declared(), self._ledger, self.seen, self._stops)
        self._work.carry_out(step, run)

    def _declared(self) -> datetime:
        if self._declared_at is None:
            raise InfrastructureError(
                "no disaster was declared", where=f"run {self._run_id}", remedy="Report this defect."
            )
        return self._declared_at

    def _judge_loss(self) -> Loss:
        reported = self.seen.heartbeat(FACT_PUBLISHED)
        observed = Observed(
            disaster_at=self._plan.disaster_at or self._stopped() or self._declared(),
            newest=self.seen.heartbeat(FACT_NEWEST),
            published=(reported,) if reported else self._published,
            offset_limit=self._tools.clock_offset_limit,
        )
        return judge_loss(self.track.service, self.track.rpo, self.track.point, self._target_time(), observed)

    def _stopped(self) -> datetime | None:
        """When the service stopped taking writes for the restore, where it still ran: what it took until then is to be brought back."""
        told = self.seen.facts.get(FACT_STOPPED)
        return parse_instant(str(told), where="fact stopped_at") if told else None

    def _target_time(self) -> datetime | None:
        """The moment aimed at: asked for, or told by whoever chose the recovery point."""
        point = self.seen.facts.get(FACT_POINT)
        told = point.get("target_time") if isinstance(point, Mapping) else None
        return self.track.point.target_time or (parse_instant(str(told), where="fact recovery_point") if told else None)
