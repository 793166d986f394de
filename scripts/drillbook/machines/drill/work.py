"""The steps of a drill of machines, against whatever provider they have."""

from drillbook.clock import Clock
from drillbook.concurrently import concurrently, raise_failures
from drillbook.machines.backups import open_rules
from drillbook.machines.drill.claims import Claims
from drillbook.machines.drill.isolation import Isolation, card_checks
from drillbook.machines.drill.limits import limits_of
from drillbook.machines.drill.selection import choose_backups
from drillbook.machines.drill.steps import MachineSteps
from drillbook.model import Check, MachineGroup, Step
from drillbook.providers import HostSettings, LiveRestores, Restores
from drillbook.run.work import Run

_REMEDY = "Read the message of each; what was made is removed by the run's teardown."


class MachineWork(MachineSteps):
    """Makes copies in the provider's drill range, proves their isolation, and looks at them from inside."""

    def __init__(
        self,
        provider: Restores,
        group: MachineGroup,
        isolation: Isolation,
        clock: Clock,
        *,
        workers: int,
    ) -> None:
        super().__init__(provider, group, clock, workers=workers)
        self._provider = provider
        self._isolation = isolation
        self._given: dict[str, tuple[str, ...]] = {}

    def gate(self) -> tuple[Check, ...]:
        """Prove that the drill's credential can do nothing to the machines that the backups are of."""
        return limits_of(self._provider, self._group.provider, self._group.hosts)

    def _select(self, _step: Step, run: Run) -> None:
        backups = self._provider.backups(self._group.hosts, open_rules(self._group))
        point = run.plan.point_at(run.track, run.declared_at)
        self._take(choose_backups(backups, self._group, point, run.run_id, now=run.declared_at), run)

    def _restore(self, step: Step, run: Run) -> None:
        """All at once; each is in the ledger before it is made, and looked at before anything is started."""
        backups = {backup.host: backup for backup in self._selection().backups}
        provider, claimed = self._provider, Claims(self._provider, run)
        for host in self._group.hosts:
            claimed.take(host)
        self._restored(
            self._selection().backups,
            lambda backup: claimed.made(backup.host, lambda claim: provider.restore(claim, backup, step.timeout)),
            run,
            _REMEDY,
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

    def _verify(self, step: Step, run: Run) -> None:
        """The isolation from inside first: a machine that can reach production must not run any longer."""
        for check in self._isolation.prove(self._provider, self._machines, self._given, workers=self._workers):
            run.seen.check(check)
        if not run.seen.must_stop:
            super()._verify(step, run)

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
        super()._prove(step, run)
        if not said:
            run.seen.fact("fully_read_seconds", _since_declared(run))


def _live(provider: Restores) -> LiveRestores | None:
    """The provider, where it restores live."""
    return provider if isinstance(provider, LiveRestores) and provider.live() else None


def _since_declared(run: Run) -> float | None:
    """By the same stopwatch as the RTO, so that the two can be compared."""
    elapsed = run.seen.elapsed
    return None if elapsed is None else round(elapsed.total_seconds(), 3)
