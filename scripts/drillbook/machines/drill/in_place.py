"""The steps of a restore of machines in their own place: those of a drill, over what is left of production."""

from collections.abc import Mapping, Sequence

from drillbook.clock import Clock
from drillbook.concurrently import concurrently, raise_failures
from drillbook.errors import InfrastructureError, RefusedError
from drillbook.machines.backups import open_rules
from drillbook.machines.drill.selection import Selection, choose_backups
from drillbook.machines.drill.steps import MachineSteps
from drillbook.model import Backup, Check, CheckStatus, Machine, MachineGroup, PointType, Stage, Step
from drillbook.providers import Doubtful, PartialBackups, Pools, Recoveries
from drillbook.run.plan import Plan, Track
from drillbook.run.work import Run

_REMEDY = (
    "Read the message of each. A machine whose restore failed is in its place, and can be restored over: run the same command "
    "again, with --replace for each that stands."
)


class InPlaceWork(MachineSteps):
    """Puts the machines back where they were: the members of ``group``, which may be some of the service's machines.

    What stands in a machine's place is lost, so each such machine must be named in the plan's ``replace``.
    """

    def __init__(
        self, provider: Recoveries, group: MachineGroup, plan: Plan, track: Track, clock: Clock, *, workers: int
    ) -> None:
        super().__init__(provider, group, clock, workers=workers)
        self._provider = provider
        self._plan = plan
        self._track = track

    def gate(self) -> tuple[Check, ...]:
        """See what would be lost; raises RefusedError where that was not named. Nothing is touched."""
        standing = self._standing(self._choose().backups)
        gone = [host for host in self._group.hosts if host not in standing]
        actual = [f"gone: {', '.join(gone)}"] if gone else []
        actual += [f"to be replaced: {', '.join(standing)}"] if standing else []
        alone = [host for host in self._track.service.hosts if host not in self._group.hosts]
        actual += [f"left alone: {', '.join(alone)}"] if alone else []
        name = "what stands was named"
        expected = "each machine is gone, or named by --replace"
        named = Check(name, Stage.GATE, CheckStatus.PASSED, expected=expected, actual="; ".join(actual))
        doubts = self._provider.doubts() if isinstance(self._provider, Doubtful) else ()
        return named, *doubts

    def _select(self, step: Step, run: Run) -> None:
        """Each backup is looked at before any machine is touched."""
        chosen = self._choose()
        rules = open_rules(self._group)
        self._take(chosen, run)

        def look(backup: Backup) -> None:
            fault = self._provider.fault(backup, rules, step.timeout)
            if fault is not None:
                raise InfrastructureError(
                    f"the backup can't be restored: {fault}",
                    where=f"{backup.host}, {backup.identifier}",
                    remedy="Choose an earlier point (--point). Nothing was touched.",
                )

        looked = concurrently(chosen.backups, look, self._workers)
        raise_failures(looked, what="reading the backup", group=self._group.name, remedy="Nothing was touched.")

    def _restore(self, step: Step, run: Run) -> None:
        """Those that are gone first: what still stands is lost only once they are back. Nothing is started yet."""
        backups = self._selection().backups
        standing = self._standing(backups)
        gone = [backup for backup in backups if backup.host not in standing]
        left = [backup for backup in backups if backup.host in standing]
        for some in filter(None, (gone, left)):
            self._restored(
                some,
                lambda backup: self._provider.put_back(backup, standing.get(backup.host), step.timeout),
                run,
                _REMEDY,
            )
        of_host = {backup.host: backup for backup in backups}
        for machine in self._machines:
            own = self._provider.has_own_cards(machine, of_host[machine.host])
            run.seen.check(_card_check(machine, own=own))
            run.seen.check(_disk_check(machine, self._left_behind(machine, of_host[machine.host])))
        if isinstance(self._provider, Pools):
            for host, inside in self._provider.in_their_pools(backups).items():
                run.seen.check(_pool_check(host, inside=inside))

    def _left_behind(self, machine: Machine, backup: Backup) -> tuple[str, ...]:
        return self._provider.left_behind(machine, backup) if isinstance(self._provider, PartialBackups) else ()

    def _choose(self) -> Selection:
        point = self._track.point
        if point.type is PointType.RANDOM:
            raise RefusedError(
                "a restore in place is of a point that somebody chose, not of a random one",
                where=f"restore of {self._track.service.name}",
                remedy="Give --point latest, oldest or a time.",
            )
        return choose_backups(
            self._provider.backups(self._group.hosts, open_rules(self._group)),
            self._group,
            point,
            "",
            now=self._clock.now(),
        )

    def _standing(self, backups: tuple[Backup, ...]) -> Mapping[str, Machine]:
        standing = self._provider.standing(backups)
        unnamed = [host for host in standing if host not in self._plan.replace]
        if unnamed:
            described = ", ".join(f"{host} ({standing[host].identifier}, {standing[host].power})" for host in unnamed)
            raise RefusedError(
                f"still there, and their disks would be lost: {described}",
                where=f"restore of {self._track.service.name}",
                remedy=f"If that is meant, name each: {' '.join(f'--replace {host}' for host in unnamed)}.",
            )
        return standing


def _card_check(machine: Machine, *, own: bool) -> Check:
    return Check(
        f"{machine.host}: its own network cards",
        Stage.VERIFY,
        CheckStatus.PASSED if own else CheckStatus.FAILED,
        expected="those of the machine that was backed up",
        actual="those" if own else "others",
        message="" if own else "it has other network cards than the machine that was backed up",
        remedy=""
        if own
        else "Compare its configuration with the backup's note, and correct it before clients come back.",
    )


def _pool_check(host: str, *, inside: bool | None) -> Check:
    """Rights are given on pools: outside of its own a machine is neither backed up nor provisioned any more."""
    name = f"{host}: in its pool"
    if inside is None:
        return Check(
            name,
            Stage.VERIFY,
            CheckStatus.SKIPPED,
            message="the backup does not say its pool, or the credential is not shown that pool",
            remedy="Look where it is, and give the credentials of backups and restores the right to see pools.",
        )
    return Check(
        name,
        Stage.VERIFY,
        CheckStatus.PASSED if inside else CheckStatus.FAILED,
        expected="that of the machine that was backed up",
        actual="that" if inside else "another, or none",
        message="" if inside else "it is not in the pool of the machine that was backed up",
        remedy="" if inside else "Put it there: who has rights on that pool alone can't back it up any more.",
    )


def _disk_check(machine: Machine, left: Sequence[str]) -> Check:
    return Check(
        f"{machine.host}: all its disks",
        Stage.VERIFY,
        CheckStatus.FAILED if left else CheckStatus.PASSED,
        expected="those of the machine that was backed up",
        actual=f"{len(left)} less" if left else "those",
        message="; ".join(left),
        remedy="Stop the machine, bring back what is named, and look at its data before clients come back."
        if left
        else "",
    )
