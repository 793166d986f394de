"""Takes the backups of a group, stage by stage; what fails for one machine does not stop the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from drillbook.clock import Clock
from drillbook.concurrently import concurrently
from drillbook.errors import DrillbookError, RefusedError
from drillbook.machines.backups.inventory import TakenBackup, open_rules
from drillbook.machines.locks import Locks
from drillbook.machines.tell import Tell
from drillbook.model import BackupNote, BackupRules, Machine, MachineGroup
from drillbook.providers import Backups, find_each

RUN_FORMAT = "drillbook-%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of it for one host: a backup, or an error."""

    host: str
    backup: TakenBackup | None
    error: DrillbookError | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the provider warned of."""
        return tuple(line for copy in self.backup.copies for line in copy.warnings) if self.backup else ()


def refusals(
    provider: Backups, group: MachineGroup, machines: Sequence[Machine], workers: int
) -> dict[str, DrillbookError]:
    """Return why machines can't be backed up now, by host; nothing is touched."""
    rules = open_rules(group)
    asked = concurrently(machines, lambda machine: _refuse(provider, machine, rules), workers)
    return {outcome.machine.host: outcome.error for outcome in asked if outcome.error is not None}


def take_all(provider: Backups, clock: Clock, group: MachineGroup, *, workers: int, tell: Tell) -> tuple[Taken, ...]:
    """Take a backup of each member, at most ``workers`` at once, the stages one after the other; an outcome for each.

    Who is locked has its turn after those of its stage that are not, or LockedError when the group's ``lock_wait`` is over; each
    stage waits that long.
    """
    rules = open_rules(group)
    run = clock.now().strftime(RUN_FORMAT)
    machines, lost = find_each(provider, group.hosts)
    made = {host: Taken(host, None, error) for host, error in lost.items()}
    for stage in group.stages:
        outcomes = Locks(provider, clock, group, workers=workers, tell=tell).each(
            [machines[host] for host in stage if host in machines],
            lambda machine: _take(provider, machine, group.name, rules, run),
        )
        for outcome in outcomes:
            made[outcome.machine.host] = Taken(outcome.machine.host, outcome.value, outcome.error)
        good = [host for host in stage if made[host].error is None]
        tell(f"{run}: {', '.join(good) or 'none'} ({len(good)} of {len(stage)} machines of the stage)")
    return tuple(made[host] for host in group.hosts)


def _take(provider: Backups, machine: Machine, group: str, rules: BackupRules, run: str) -> TakenBackup:
    _refuse(provider, machine, rules)
    note = BackupNote(machine.host, group, run, machine.identifier).render()
    timeout: timedelta = rules.timeout
    return TakenBackup(machine.host, run, (provider.back_up(machine, rules, note=note, timeout=timeout),))


def _refuse(provider: Backups, machine: Machine, rules: BackupRules) -> None:
    why = provider.refusal(machine, rules)
    if why:
        raise RefusedError(
            why, where=f"{machine.host} ({machine.identifier})", remedy="Mend that; nothing was touched there."
        )
