"""The steps of a restore of machines in their own place: those of a drill, over what is left of production."""

from collections.abc import Callable, Mapping, Sequence

from drillbook.clock import Clock
from drillbook.concurrently import concurrently, raise_failures
from drillbook.errors import InfrastructureError, RefusedError
from drillbook.machines.backups import open_rules
from drillbook.machines.drill.acceptance import Acceptance
from drillbook.machines.drill.selection import Selection, choose_backups
from drillbook.machines.drill.starting import start_in_order
from drillbook.model import Backup, Check, CheckStatus, Machine, MachineGroup, PointType, Stage, Step
from drillbook.providers import PartialBackups, Recoveries
from drillbook.run.observation import FACT_POINT, FACT_PREDICTED
from drillbook.run.plan import Plan
from drillbook.run.work import Run

_REMEDY = (
    "Read the message of each. A machine whose restore failed is in its place, and can be restored over: run the same command "
    "again, with --replace for each that stands."
)


class InPlaceWork:
    """Implements `Work`: select, restore, start, verify, prove. One instance serves one run.

    What stands in a machine's place is lost, so each such machine must be named in the plan's ``replace``.
    """

    def __init__(self, provider: Recoveries, group: MachineGroup, plan: Plan, clock: Clock, *, workers: int) -> None:
        self._provider = provider
        self._group = group
        self._plan = plan
        self._clock = clock
        self._workers = workers
        self._chosen: Selection | None = None
        self._machines: tuple[Machine, ...] = ()
        self._steps: Mapping[str, Callable[[Step, Run], None]] = {
            "select": self._select,
            "restore": self._restore,
            "start": self._start,
            "verify": self._verify,
            "prove": self._prove,
        }

    def gate(self) -> tuple[Check, ...]:
        """See what would be lost; raises RefusedError where that was not named. Nothing is touched."""
        standing = self._standing(self._choose().backups)
        gone = [host for host in self._group.hosts if host not in standing]
        actual = [f"gone: {', '.join(gone)}"] if gone else []
        actual += [f"to be replaced: {', '.join(standing)}"] if standing else []
        name = "what stands was named"
        expected = "each machine is gone, or named by --replace"
        return (Check(name, Stage.GATE, CheckStatus.PASSED, expected=expected, actual="; ".join(actual)),)

    def carry_out(self, step: Step, run: Run) -> None:
        """Do one step by its name."""
        self._steps[step.name](step, run)

    def _select(self, step: Step, run: Run) -> None:
        """Each backup is looked at before any machine is touched."""
        chosen = self._choose()
        rules = open_rules(self._group)
        run.seen.fact(FACT_POINT, chosen.as_json())
        run.seen.fact(FACT_PREDICTED, {"bytes": chosen.size, "disk_bytes": None})

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
        self._chosen = chosen

    def _restore(self, step: Step, run: Run) -> None:
        """All at once, over what still stands; nothing is started yet."""
        backups = self._selection().backups
        standing = self._standing(backups)
        made = concurrently(
            backups,
            lambda backup: self._provider.put_back(backup, standing.get(backup.host), step.timeout),
            self._workers,
        )
        raise_failures(made, what="restoring", group=self._group.name, remedy=_REMEDY)
        self._machines = tuple(outcome.value for outcome in made if outcome.value is not None)
        run.seen.fact(
            "machines", [{"host": machine.host, "identifier": machine.identifier} for machine in self._machines]
        )
        of_host = {backup.host: backup for backup in backups}
        for machine in self._machines:
            own = self._provider.has_own_cards(machine, of_host[machine.host])
            run.seen.check(_card_check(machine, own=own))
            run.seen.check(_disk_check(machine, self._left_behind(machine, of_host[machine.host])))

    def _left_behind(self, machine: Machine, backup: Backup) -> tuple[str, ...]:
        return self._provider.left_behind(machine, backup) if isinstance(self._provider, PartialBackups) else ()

    def _start(self, _step: Step, run: Run) -> None:
        start_in_order(self._provider, self._group, self._machines, run, self._clock, self._workers)

    def _verify(self, step: Step, run: Run) -> None:
        self._acceptance(run, step).verify(self._machines)

    def _prove(self, step: Step, run: Run) -> None:
        self._acceptance(run, step).prove(self._machines)

    def _acceptance(self, run: Run, step: Step) -> Acceptance:
        return Acceptance(self._provider, self._group, run, self._clock, workers=self._workers, timeout=step.timeout)

    def _choose(self) -> Selection:
        point = self._plan.point
        if point.type is PointType.RANDOM:
            raise RefusedError(
                "a restore in place is of a point that somebody chose, not of a random one",
                where=f"restore of {self._plan.service.name}",
                remedy="Give --point latest, oldest or a time.",
            )
        return choose_backups(
            self._provider.backups(self._group.hosts, open_rules(self._group)), self._group, point, ""
        )

    def _standing(self, backups: tuple[Backup, ...]) -> Mapping[str, Machine]:
        standing = self._provider.standing(backups)
        unnamed = [host for host in standing if host not in self._plan.replace]
        if unnamed:
            described = ", ".join(f"{host} ({standing[host].identifier}, {standing[host].power})" for host in unnamed)
            raise RefusedError(
                f"still there, and their disks would be lost: {described}",
                where=f"restore of {self._plan.service.name}",
                remedy=f"If that is meant, name each: {' '.join(f'--replace {host}' for host in unnamed)}.",
            )
        return standing

    def _selection(self) -> Selection:
        if self._chosen is None:
            raise InfrastructureError(
                "no backup was chosen", where=f"group {self._group.name}", remedy="Report this defect."
            )
        return self._chosen


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
