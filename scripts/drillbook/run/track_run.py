"""One track of a run while it is carried out: its steps, its clock, and what is seen of it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from drillbook.ansible import Order
from drillbook.errors import (
    ClockFaultError,
    ConfigurationError,
    DrillbookError,
    InfrastructureError,
    MalformedDataError,
)
from drillbook.journal.journal import EventType
from drillbook.journal.ledger import Ledger
from drillbook.model import (
    Check,
    CheckStatus,
    Heartbeat,
    Mode,
    Phase,
    PublishedHeartbeats,
    Stage,
    Step,
    Timeline,
    parse_instant,
)
from drillbook.run.observation import (
    FACT_NEWEST,
    FACT_OTHERS,
    FACT_POINT,
    FACT_PUBLISHED,
    FACT_STOPPED,
    Emit,
    Observation,
)
from drillbook.run.plan import Plan, Track
from drillbook.run.recovery_objective import (
    Loss,
    Observed,
    RecoveryTime,
    clock_faults,
    judge_loss,
    recent,
    unjudged,
)
from drillbook.run.stops import Stops
from drillbook.run.stopwatch import Stopwatch
from drillbook.run.tools import Tools
from drillbook.run.verdict import implied_checks
from drillbook.run.work import RUN_INVENTORY, Run, Work

_REMEDY_WENT_ON = (
    "What was restored stays as it is. The service wrote after the disaster that was named, or a clock is wrong: next time say by "
    "--disaster-at when it stopped."
)


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
        found = self._read_published()
        self._published = found.beats
        self._tell_of(found)
        self._look_at_clocks(recent(found.beats, self.track.service, self._tools.clock.now()), Stage.GATE)

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

    def _read_published(self) -> PublishedHeartbeats:
        """Heartbeats in the store; on the bad day their absence must not stop the restore, only its proof."""
        try:
            return self._tools.published(self.track.service)
        except DrillbookError as error:
            if self._plan.mode is Mode.SANDBOX:
                raise
            self._emit(EventType.HEARTBEATS_UNREADABLE, {"message": str(error), "service": self.track.service.name})
            return PublishedHeartbeats()

    def _tell_of(self, found: PublishedHeartbeats) -> None:
        """An object that is no heartbeat leaves its host unproven; what lies there of other hosts is told, and decides nothing."""
        for host, why in found.unreadable.items():
            self._skip(f"published heartbeat of {host}", Stage.GATE, why, "See that its backup agent publishes.")
        if found.others:
            self.seen.fact(FACT_OTHERS, list(found.others))

    def _look_at_clocks(self, beats: Iterable[Heartbeat], stage: Stage) -> None:
        """A host's wrong clock stops a drill, which could prove nothing; on the bad day it only leaves what was lost unproven."""
        for fault in clock_faults(beats, self._tools.clock_offset_limit):
            if self._plan.mode is Mode.SANDBOX:
                raise fault
            self._skip(f"clock: {fault.where}", stage, fault.message, fault.remedy)

    def _skip(self, name: str, stage: Stage, message: str, remedy: str) -> None:
        if all(check.name != name for check in self.seen.checks):
            self.seen.check(Check(name, stage, CheckStatus.SKIPPED, message=message, remedy=remedy))

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
        """By what was restored and what was published. In place no clock makes an error of a service that is back."""
        newest, reported = self._restored_heartbeat(), self._reported_heartbeat()
        published = (reported,) if reported else self._published
        observed = Observed(
            disaster_at=self._disaster_at(),
            newest=newest,
            published=published,
            offset_limit=self._tools.clock_offset_limit,
            read_at=self._declared(),
        )
        of_writer = [beat for beat in published if newest is not None and beat.host == newest.host]
        self._look_at_clocks([*recent(published, self.track.service, self._declared()), *of_writer], Stage.PROVE)
        try:
            return judge_loss(self.track.service, self.track.rpo, self.track.point, self._target_time(), observed)
        except ClockFaultError as fault:
            if self._plan.mode is Mode.SANDBOX:
                raise
            self._skip("what was lost", Stage.PROVE, fault.message, _REMEDY_WENT_ON)
            return unjudged(self.track.rpo)

    def _disaster_at(self) -> datetime:
        """The moment that was named; else, of a service that lived until the restore stopped it, that one; else the declaration."""
        stopped = self.seen.facts.get(FACT_STOPPED) if self._plan.mode is Mode.IN_PLACE else None
        if self._plan.disaster_at is not None or stopped is None:
            return self._plan.disaster_at or self._declared()
        try:
            return max(parse_instant(str(stopped), where=f"the fact {FACT_STOPPED}"), self._declared())
        except ConfigurationError:
            return self._declared()

    def _restored_heartbeat(self) -> Heartbeat | None:
        """The restored data is the guest's own account: an odd one fails its check, and what was lost is unknown."""
        try:
            return self.seen.heartbeat(FACT_NEWEST)
        except MalformedDataError as error:
            self.seen.check(
                Check(
                    "newest restored heartbeat can be read",
                    Stage.PROVE,
                    CheckStatus.FAILED,
                    message=error.message,
                    remedy="See who wrote it into the data: the agent writes nothing like it.",
                )
            )
            return None

    def _reported_heartbeat(self) -> Heartbeat | None:
        try:
            return self.seen.heartbeat(FACT_PUBLISHED)
        except MalformedDataError as error:
            self._skip("published heartbeat can be read", Stage.PROVE, error.message, error.remedy)
            return None

    def _stopped(self) -> datetime | None:
        """When the service stopped taking writes for the restore, where it still ran: what it took until then is to be brought back."""
        told = self.seen.facts.get(FACT_STOPPED)
        return parse_instant(str(told), where="fact stopped_at") if told else None

    def _target_time(self) -> datetime | None:
        """The moment aimed at: asked for, or told by whoever chose the recovery point."""
        point = self.seen.facts.get(FACT_POINT)
        told = point.get("target_time") if isinstance(point, Mapping) else None
        return self.track.point.target_time or (parse_instant(str(told), where="fact recovery_point") if told else None)
