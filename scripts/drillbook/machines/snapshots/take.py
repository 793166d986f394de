"""Takes the snapshots of a group as one set: all of them, or none."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta

from drillbook.clock import Clock
from drillbook.concurrently import concurrently, raise_failures
from drillbook.errors import DrillbookError, LeftoversError, LockedError, RefusedError, TakenError, UnreachedError
from drillbook.machines.locks import Locks
from drillbook.machines.snapshots.rest import freeze_machine, thaw_machine
from drillbook.machines.snapshots.sets import NAME_FORMAT, SnapshotSet, note, sets_of
from drillbook.machines.tell import Tell
from drillbook.model import Machine, MachineGroup, Power, Quiesce
from drillbook.providers import LateSnapshots, PowerReading, Snapshots

FREEZE_LIMIT = timedelta(seconds=10)
"""How long a guest agent may take to bring a machine's file systems to rest; its clients wait all that time."""
_FREEZE_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """How many machines at once, and how long a call may take for one of them."""

    workers: int
    timeout: timedelta


class GroupSnapshots:
    """Takes sets.

    ``guard`` watches over machines at rest and thaws them should this process die; ``hook`` has the service itself at rest
    for the length of a block.
    """

    def __init__(
        self,
        provider: Snapshots,
        clock: Clock,
        limits: Limits,
        *,
        guard: Callable[[Sequence[Machine]], AbstractContextManager[None]],
        hook: Callable[[], AbstractContextManager[None]],
        tell: Tell,
    ) -> None:
        self._provider = provider
        self._clock = clock
        self._limits = limits
        self._guard = guard
        self._hook = hook
        self._tell = tell

    def create(self, group: MachineGroup, machines: Sequence[Machine]) -> SnapshotSet:
        """Take a set and return it as the provider shows it afterwards; whether it is torn is for the caller to judge.

        Who is locked is waited for while all others run on and nothing is taken. A lock that comes later undoes the set, which
        is then waited for and taken again. Raises RefusedError before anything is touched, LockedError when the group's
        ``lock_wait`` is over, InfrastructureError when a member failed (what was taken is removed again), LeftoversError
        when that could not be removed.
        """
        locks = self.locks(group)
        self.refuse(group, locks.without_locks(machines))
        while True:
            machines = self._present(group, self._free(group, machines, locks))
            name = self._clock.now().strftime(NAME_FORMAT)
            asked: list[Machine] = []
            try:
                with self._at_rest(group, machines):
                    self._take(group, machines, name, asked)
                self._finish(group, machines, name)
            except LockedError as error:
                self._remove_again(group, asked, name, error, locks)
                self._tell(f"{name} is undone: a lock came between")
                machines = locks.again(machines, error)
            except DrillbookError as error:
                self._remove_again(group, asked, name, error, locks)
                raise
            else:
                return self._read_back(group, machines, name)

    def locks(self, group: MachineGroup) -> Locks:
        """Return the wait of one command for what holds the group's members."""
        return Locks(self._provider, self._clock, group, workers=self._limits.workers, tell=self._tell)

    def refuse(self, group: MachineGroup, machines: Sequence[Machine]) -> None:
        """Raise RefusedError that names every member which can't be snapshotted now, and why."""
        asked = concurrently(
            machines,
            lambda one: self._provider.refusal(one, ram=group.ram, quiesce=group.quiesce),
            self._limits.workers,
        )
        raise_failures(asked, what="asking", group=group.name, remedy="See that the provider answers.")
        faults = [f"{outcome.machine.host}: {outcome.value}" for outcome in asked if outcome.value]
        if faults:
            raise RefusedError(
                f"{len(faults)} of {len(machines)} members can't be snapshotted: {'; '.join(faults)}",
                where=f"group {group.name}",
                remedy="Mend that, or take them out of the group; nothing was touched.",
            )

    def sets(self, group: MachineGroup, machines: Sequence[Machine]) -> tuple[SnapshotSet, ...]:
        """Return the group's sets, oldest first."""
        listed = concurrently(machines, self._provider.snapshots, self._limits.workers)
        raise_failures(listed, what="listing", group=group.name, remedy="See that the provider answers.")
        return sets_of(group, [snapshot for outcome in listed for snapshot in outcome.value or ()])

    def _free(self, group: MachineGroup, machines: Sequence[Machine], locks: Locks) -> tuple[Machine, ...]:
        """After a wait they are asked again: one may have moved to another node meanwhile, or have a disk more."""
        free = locks.free(machines)
        if any(machine.lock for machine in machines):
            self.refuse(group, free)
        return free

    def _present(self, group: MachineGroup, machines: Sequence[Machine]) -> tuple[Machine, ...]:
        """Who was not seen running may run by now, and would be neither frozen nor have its memory kept: each is looked at again."""
        provider = self._provider
        if not isinstance(provider, PowerReading) or (not group.ram and group.quiesce is not Quiesce.AGENT):
            return tuple(machines)
        doubtful = [machine for machine in machines if machine.power is not Power.RUNNING]
        looked = concurrently(doubtful, provider.look_again, self._limits.workers)
        raise_failures(
            looked, what="looking", group=group.name, remedy="See that their nodes run; nothing was touched."
        )
        seen = {outcome.machine.host: outcome.value or outcome.machine for outcome in looked}
        return tuple(seen.get(machine.host, machine) for machine in machines)

    @contextmanager
    def _at_rest(self, group: MachineGroup, machines: Sequence[Machine]) -> Iterator[None]:
        if group.quiesce is Quiesce.AGENT:
            with self._frozen(group, [machine for machine in machines if machine.power is Power.RUNNING]):
                yield
        elif group.quiesce is Quiesce.HOOK:
            with self._hook():
                yield
        else:
            yield

    @contextmanager
    def _frozen(self, group: MachineGroup, running: Sequence[Machine]) -> Iterator[None]:
        """More at once than elsewhere, as each holds its clients until the last one is done.

        What could not be frozen is said when the others go on, and the guard has nothing left to do.
        """
        at_once = max(self._limits.workers, _FREEZE_AT_ONCE)
        reached, failed = list(running), False
        with self._guard(running):
            try:
                frozen = concurrently(running, lambda one: freeze_machine(self._provider, one, FREEZE_LIMIT), at_once)
                reached = [outcome.machine for outcome in frozen if not isinstance(outcome.error, UnreachedError)]
                failed = any(outcome.error is not None for outcome in frozen)
                if not failed:
                    self._tell(f"{len(running)} machines are at rest")
                    yield
            finally:
                thawed = concurrently(
                    reached, lambda one: thaw_machine(self._provider, one, self._limits.timeout), at_once
                )
                raise_failures(
                    thawed, what="thawing", group=group.name, remedy="Thaw them by hand at once: their clients wait."
                )
                self._tell(f"{len(reached)} machines go on")
        if failed:
            raise_failures(
                frozen, what="freezing", group=group.name, remedy="See that the guest agent runs in each of them."
            )

    def _take(self, group: MachineGroup, machines: Sequence[Machine], name: str, asked: list[Machine]) -> None:
        """``asked`` gets those that may have a snapshot of ours afterwards; one that had the name before is another's."""
        by_host = {machine.host: machine for machine in machines}
        text = note(group.name, members=len(machines), quiesced=group.quiesce is not Quiesce.NONE)
        for stage in group.stages:
            taken = concurrently(
                [by_host[host] for host in stage],
                lambda one: self._provider.take(one, name, ram=group.ram, note=text, timeout=self._limits.timeout),
                self._limits.workers,
            )
            asked += [outcome.machine for outcome in taken if not isinstance(outcome.error, TakenError)]
            raise_failures(
                taken, what=f"snapshot {name}", group=group.name, remedy="Mend that and take the whole set again."
            )
            self._tell(f"{name}: {', '.join(stage)}")

    def _finish(self, group: MachineGroup, machines: Sequence[Machine], name: str) -> None:
        """Nobody is at rest for this: the points in time are fixed."""
        provider = self._provider
        if not isinstance(provider, LateSnapshots):
            return
        finished = concurrently(
            machines, lambda one: provider.complete(one, name, self._limits.timeout), self._limits.workers
        )
        raise_failures(
            finished, what=f"completing {name}", group=group.name, remedy="Mend that and take the whole set again."
        )

    def _remove_again(
        self, group: MachineGroup, machines: Sequence[Machine], name: str, cause: DrillbookError, locks: Locks
    ) -> None:
        """A part of a set is good for nothing, and would be taken for a whole one on a worse day."""
        removed = locks.each(machines, lambda one: self._provider.remove(one, name, self._limits.timeout))
        left = [outcome for outcome in removed if outcome.error is not None]
        if left:
            raise LeftoversError(
                f"{cause.message}; and the snapshot is still on {', '.join(outcome.machine.host for outcome in left)}: "
                f"{left[0].error}",
                where=f"group {group.name}, snapshot {name}",
                remedy=f"Remove it there by hand, or by `drillbook snapshot prune {group.name}`.",
            ) from cause

    def _read_back(self, group: MachineGroup, machines: Sequence[Machine], name: str) -> SnapshotSet:
        """What the provider shows is what there is, not what it was told."""
        found = [entry for entry in self.sets(group, machines) if entry.name == name]
        if not found:
            raise LeftoversError(
                f"the provider reports success and shows no snapshot {name}",
                where=f"group {group.name}",
                remedy="Look at the machines' snapshots by hand.",
            )
        return found[0]
