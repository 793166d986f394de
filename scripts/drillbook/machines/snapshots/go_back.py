"""Puts a whole group back to one of its sets."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from drillbook.concurrently import concurrently, raise_failures
from drillbook.errors import ConfigurationError, RefusedError
from drillbook.machines.locks import Locks
from drillbook.machines.retention import is_to_come
from drillbook.machines.snapshots.rest import thaw_machine
from drillbook.machines.snapshots.sets import SetState, SnapshotSet
from drillbook.machines.snapshots.take import GroupSnapshots, Limits
from drillbook.machines.tell import Tell
from drillbook.model import Machine, MachineGroup
from drillbook.providers import Snapshots

THAW_LIMIT = timedelta(seconds=15)
"""How long a guest agent that came back with its memory is waited for."""


def chosen(sets: Sequence[SnapshotSet], name: str | None, *, group: str, now: datetime) -> SnapshotSet:
    """Return the set called ``name``, or the newest whole one; raises ConfigurationError that lists what there is.

    One that is dated into the future is taken by its name only.
    """
    known = ", ".join(f"{entry.name} ({entry.state})" for entry in sets) or "none"
    for entry in reversed(sets):
        if entry.name == name or (
            name is None and entry.state is SetState.WHOLE and not is_to_come(entry.taken_at, now)
        ):
            return entry
    raise ConfigurationError(
        f"there is no set {name}" if name else "there is no whole set",
        where=f"group {group}",
        remedy=f"There are: {known}.",
    )


def refuse_to_go_back(group: MachineGroup, wanted: SnapshotSet, machines: Sequence[Machine], confirm: str) -> None:
    """Raise RefusedError unless the group is named, the set is whole, every member has it, and none is locked."""
    locked = [f"{machine.host} ({machine.lock})" for machine in machines if machine.lock]
    for fault, remedy in (
        (
            f"it puts the disks of {', '.join(group.hosts)} back to {wanted.name}; what came later is lost"
            if confirm != group.name
            else "",
            f"If that is meant, give --confirm {group.name}.",
        ),
        (
            f"the set is {wanted.state}: {wanted.why}" if wanted.state is not SetState.WHOLE else "",
            "Choose a whole set.",
        ),
        (f"{', '.join(wanted.missing)} came into the group later" if wanted.missing else "", "Choose a newer set."),
        (f"locked: {', '.join(locked)}" if locked else "", "Wait for what holds them."),
    ):
        if fault:
            raise RefusedError(fault, where=f"group {group.name}, set {wanted.name}", remedy=remedy)


def free_to_go_back(
    snapshots: GroupSnapshots,
    group: MachineGroup,
    wanted: SnapshotSet,
    machines: Sequence[Machine],
    locks: Locks,
    confirm: str,
) -> tuple[SnapshotSet, tuple[Machine, ...]]:
    """Refuse what `refuse_to_go_back` does, wait for who is locked, and return set and machines as they are then.

    What held a member may have removed its snapshot, so after a wait all is asked again. Raises LockedError when the
    group's ``lock_wait`` is over.
    """
    refuse_to_go_back(group, wanted, locks.without_locks(machines), confirm)
    free = locks.free(machines)
    if any(machine.lock for machine in machines):
        wanted = chosen(snapshots.sets(group, free), wanted.name, group=group.name, now=wanted.taken_at)
        refuse_to_go_back(group, wanted, free, confirm)
    return wanted, free


def go_back(
    provider: Snapshots,
    group: MachineGroup,
    wanted: SnapshotSet,
    machines: Sequence[Machine],
    limits: Limits,
    locks: Locks,
    tell: Tell,
) -> None:
    """Put all members back, then start them stage by stage; raises InfrastructureError that names those that failed.

    One that is locked meanwhile has its turn when it is free. It can be repeated: a member that is back already goes back again.
    """
    by_host = {machine.host: machine for machine in machines}
    _all(
        machines,
        lambda one: provider.go_back(one, wanted.name, limits.timeout),
        what=f"going back to {wanted.name}",
        group=group,
        locks=locks,
    )
    tell(f"{len(machines)} machines are back at {wanted.name}")
    _thaw_memory(provider, wanted, machines, limits, tell)
    for stage in group.stages:
        _all(
            [by_host[host] for host in stage],
            lambda one: provider.start(one, limits.timeout),
            what="starting",
            group=group,
            locks=locks,
        )
        tell(f"started: {', '.join(stage)}")


def _thaw_memory(
    provider: Snapshots,
    wanted: SnapshotSet,
    machines: Sequence[Machine],
    limits: Limits,
    tell: Tell,
) -> None:
    """Memory that was saved while the file systems were frozen comes back so; a set's note does not say what was at rest.

    A service's own playbooks need no guest agent, so one that does not answer is told, and holds nobody back.
    """
    saved = {snapshot.host for snapshot in wanted.snapshots if snapshot.ram} if wanted.quiesced else set()
    thawed = concurrently(
        [machine for machine in machines if machine.host in saved],
        lambda one: thaw_machine(provider, one, min(THAW_LIMIT, limits.timeout)),
        limits.workers,
    )
    for outcome in thawed:
        if outcome.error is not None:
            tell(
                f"{outcome.machine.host} may still be frozen, if its set was taken with quiesce: agent: {outcome.error}; "
                "see that it writes, and if it does not, have its guest agent do fsfreeze-thaw"
            )


def _all(
    machines: Sequence[Machine], action: Callable[[Machine], None], *, what: str, group: MachineGroup, locks: Locks
) -> None:
    raise_failures(
        locks.each(machines, action),
        what=what,
        group=group.name,
        remedy="Mend that and run the same command again.",
    )
