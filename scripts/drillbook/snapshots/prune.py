"""Removes the sets that no rule keeps."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from drillbook.concurrently import concurrently, raise_failures
from drillbook.model import Machine, MachineGroup
from drillbook.providers import Snapshots
from drillbook.snapshots.retention import Decision
from drillbook.snapshots.take import Limits, Tell


def prune(
    provider: Snapshots,
    group: MachineGroup,
    decisions: Sequence[Decision],
    machines: Sequence[Machine],
    limits: Limits,
    tell: Tell,
) -> None:
    """Remove each set that is not kept, oldest first, one set at a time; raises InfrastructureError that names what stayed.

    After an interruption the same call goes on: a set that is half removed is partial, and goes first.
    """
    by_host = {machine.host: machine for machine in machines}
    for decision in decisions:
        if decision.kept:
            continue
        name = decision.set.name
        holders = [by_host[snapshot.host] for snapshot in decision.set.snapshots if snapshot.host in by_host]
        removed = concurrently(holders, _removal(provider, name, limits.timeout), limits.workers)
        raise_failures(
            removed, what=f"removing {name}", group=group.name, remedy="Mend that and run the same command again."
        )
        tell(f"removed {name} from {len(holders)} machines")


def _removal(provider: Snapshots, name: str, timeout: timedelta) -> Callable[[Machine], None]:
    return lambda machine: provider.remove(machine, name, timeout)
