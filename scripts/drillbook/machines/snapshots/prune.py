"""Decides which sets a group keeps, and removes the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from drillbook.concurrently import raise_failures
from drillbook.machines.locks import Locks
from drillbook.machines.retention import TO_COME, reasons_to_keep
from drillbook.machines.snapshots.sets import SnapshotSet
from drillbook.machines.snapshots.take import Limits
from drillbook.machines.tell import Tell
from drillbook.model import Machine, MachineGroup, Retention
from drillbook.providers import Snapshots


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a set, and which rules keep it."""

    set: SnapshotSet
    reasons: tuple[str, ...]

    @property
    def kept(self) -> bool:
        """Whether any rule keeps it."""
        return bool(self.reasons)

    @property
    def to_come(self) -> bool:
        """Whether it is dated into the future, so that no rule can judge it."""
        return TO_COME in self.reasons


def decide(sets: Sequence[SnapshotSet], retention: Retention, now: datetime) -> tuple[Decision, ...]:
    """Return a decision for each set, oldest first; a whole set is a good one. What is dated into the future stays."""
    reasons = reasons_to_keep(sets, retention, now, good="whole set")
    return tuple(Decision(entry, reasons[entry.name]) for entry in sorted(sets, key=lambda entry: entry.taken_at))


def prune_snapshots(
    provider: Snapshots,
    group: MachineGroup,
    decisions: Sequence[Decision],
    machines: Sequence[Machine],
    limits: Limits,
    locks: Locks,
    tell: Tell,
) -> None:
    """Remove each set that is not kept, oldest first, one set at a time; raises InfrastructureError that names what stayed.

    Who is locked is waited for before the first one is touched; LockedError says that it was in vain, and that nothing went.
    After an interruption the same call goes on: a set that is half removed is partial, and goes first.
    """
    doomed = [decision for decision in decisions if not decision.kept]
    concerned = {snapshot.host for decision in doomed for snapshot in decision.set.snapshots}
    by_host = {one.host: one for one in locks.free([machine for machine in machines if machine.host in concerned])}
    for decision in doomed:
        name = decision.set.name
        holders = [by_host[snapshot.host] for snapshot in decision.set.snapshots if snapshot.host in by_host]
        removed = locks.each(holders, _removal(provider, name, limits.timeout))
        raise_failures(
            removed, what=f"removing {name}", group=group.name, remedy="Mend that and run the same command again."
        )
        tell(f"removed {name} from {len(holders)} machines")


def _removal(provider: Snapshots, name: str, timeout: timedelta) -> Callable[[Machine], None]:
    return lambda machine: provider.remove(machine, name, timeout)
