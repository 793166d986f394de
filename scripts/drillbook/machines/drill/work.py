"""The steps of a drill of machines, against whatever provider they have."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from drillbook.clock import Clock
from drillbook.concurrently import concurrently, raise_failures
from drillbook.errors import InfrastructureError, RefusedError, TakenError, UntriedError
from drillbook.machines.backups import open_rules
from drillbook.machines.drill.acceptance import Acceptance
from drillbook.machines.drill.claims import Claims
from drillbook.machines.drill.isolation import Isolation, card_checks
from drillbook.machines.drill.selection import Selection, choose_backups
from drillbook.machines.drill.starting import start_in_order
from drillbook.model import Backup, Check, CheckStatus, Machine, MachineGroup, Stage, Step
from drillbook.providers import HostSettings, LimitedCredential, LiveRestores, Restores
from drillbook.run.observation import FACT_POINT, FACT_PREDICTED
from drillbook.run.work import Run

CLAIMS = 10
"""How often a number that somebody else was faster with is replaced by another one."""
_REMEDY = "Read the message of each; what was made is removed by the run's teardown."


class MachineWork:
    """Implements `Work`: select, restore, start, verify, prove. One instance serves one run."""

    def __init__(
        self,
        provider: Restores,
        group: MachineGroup,
        isolation: Isolation,
        clock: Clock,
        *,
        workers: int,
    ) -> None:
        self._provider = provider
        self._group = group
        self._isolation = isolation
        self._clock = clock
        self._workers = workers
        self._chosen: Selection | None = None
        self._machines: tuple[Machine, ...] = ()
        self._given: dict[str, tuple[str, ...]] = {}
        self._steps: Mapping[str, Callable[[Step, Run], None]] = {
            "select": self._select,
            "restore": self._restore,
            "start": self._start,
            "verify": self._verify,
            "prove": self._prove,
        }

    def gate(self) -> tuple[Check, ...]:
        """Prove that the drill's credential can do nothing to the machines that the backups are of; no check where it has none of its own.

        Where nothing was there to be tried, the check is skipped, and the run can't be PASS.
        """
        provider = self._provider
        if not isinstance(provider, LimitedCredential) or not provider.separate():
            return ()
        name = f"the drill's credential at {self._group.provider} is limited to its range"
        expected = "no right on production"
        try:
            found = provider.overreach(self._group.hosts)
        except UntriedError as error:
            skipped = Check(
                name, Stage.GATE, CheckStatus.SKIPPED, expected, "not tried", message=error.message, remedy=error.remedy
            )
            return (skipped,)
        if found is not None:
            raise RefusedError(
                f"the drill's credential is too strong: {found}",
                where=f"provider {self._group.provider}",
                remedy="Take that privilege away (docs/how-to/drill-machines.md); a drill must not be able to harm production.",
            )
        return (Check(name, Stage.GATE, CheckStatus.PASSED, expected=expected, actual="none"),)

    def carry_out(self, step: Step, run: Run) -> None:
        """Do one step by its name."""
        self._steps[step.name](step, run)

    def _select(self, _step: Step, run: Run) -> None:
        backups = self._provider.backups(self._group.hosts, open_rules(self._group))
        point = run.plan.point_at(run.declared_at)
        self._chosen = choose_backups(backups, self._group, point, run.run_id)
        run.seen.fact(FACT_POINT, self._chosen.as_json())
        run.seen.fact(FACT_PREDICTED, {"bytes": self._chosen.size, "disk_bytes": None})

    def _restore(self, step: Step, run: Run) -> None:
        """All at once; each is in the ledger before it is made, and looked at before anything is started."""
        backups = {backup.host: backup for backup in self._selection().backups}
        claimed = Claims(self._provider, run)
        for host in self._group.hosts:
            claimed.take(host)
        made = concurrently(
            self._selection().backups, lambda backup: self._make(claimed, backup, step.timeout), self._workers
        )
        raise_failures(made, what="restoring", group=self._group.name, remedy=_REMEDY)
        self._machines = tuple(outcome.value for outcome in made if outcome.value is not None)
        run.seen.fact(
            "machines", [{"host": machine.host, "identifier": machine.identifier} for machine in self._machines]
        )
        for machine in self._machines:
            cards = self._provider.cards(machine)
            self._given[machine.host] = tuple(card.address for card in cards if card.address)
            for check in card_checks(
                machine,
                cards,
                self._provider.isolated_network(),
                self._provider.forbidden_macs(backups[machine.host]),
                live=_live(self._provider) is not None,
                escapes=self._provider.escapes(machine) if isinstance(self._provider, HostSettings) else None,
            ):
                run.seen.check(check)

    def _make(self, claimed: Claims, backup: Backup, timeout: timedelta) -> Machine:
        for _attempt in range(CLAIMS):
            claim = claimed.of(backup.host)
            try:
                return self._provider.restore(claim, backup, timeout)
            except TakenError:
                claimed.take_another(claim)
        raise InfrastructureError(
            f"{CLAIMS} times somebody else was faster with the name",
            where=f"{backup.host} at {self._group.provider}",
            remedy="Keep others out of the drill's range.",
        )

    def _start(self, _step: Step, run: Run) -> None:
        start_in_order(self._provider, self._group, self._machines, run, self._clock, self._workers)

    def _verify(self, step: Step, run: Run) -> None:
        """The isolation from inside first: a machine that can reach production must not run any longer."""
        for check in self._isolation.prove(self._provider, self._machines, self._given, workers=self._workers):
            run.seen.check(check)
        if not run.seen.must_stop:
            self._acceptance(run, step).verify(self._machines)

    def _prove(self, step: Step, run: Run) -> None:
        """Where restores are live, the disks have to be whole first; when they are is a time of its own.

        Where the provider does not say it, the time at which all was read is told instead, under a name of its own.
        """
        said = True
        provider = _live(self._provider)
        if provider is not None:
            whole = concurrently(self._machines, lambda one: provider.finish(one, step.timeout), self._workers)
            raise_failures(whole, what="fetching the disks", group=self._group.name, remedy=_REMEDY)
            said = all(outcome.value for outcome in whole)
            if said:
                run.seen.fact("fully_local_seconds", _since_declared(run))
        self._acceptance(run, step).prove(self._machines)
        if not said:
            run.seen.fact("fully_read_seconds", _since_declared(run))

    def _acceptance(self, run: Run, step: Step) -> Acceptance:
        return Acceptance(self._provider, self._group, run, self._clock, workers=self._workers, timeout=step.timeout)

    def _selection(self) -> Selection:
        if self._chosen is None:
            raise InfrastructureError(
                "no backup was chosen", where=f"group {self._group.name}", remedy="Report this defect."
            )
        return self._chosen


def _live(provider: Restores) -> LiveRestores | None:
    """The provider, where it restores live."""
    return provider if isinstance(provider, LiveRestores) and provider.live() else None


def _since_declared(run: Run) -> float | None:
    """By the same stopwatch as the RTO, so that the two can be compared."""
    elapsed = run.seen.elapsed
    return None if elapsed is None else round(elapsed.total_seconds(), 3)
