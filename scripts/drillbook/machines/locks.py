"""Waits for machines that something else holds (a backup, a migration), and does again what a lock kept from being done."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from drillbook.clock import Clock
from drillbook.concurrently import Result, concurrently
from drillbook.errors import DrillbookError, InfrastructureError, LockedError
from drillbook.machines.tell import Tell
from drillbook.model import Machine, MachineGroup, format_instant
from drillbook.providers import LockExplaining, Machines, find_each

FIRST_LOOK = timedelta(seconds=2)
SLOWEST_LOOK = timedelta(seconds=30)
_SLOWER = 1.5
_NOTHING = timedelta()
_Value = TypeVar("_Value")


class Locks:
    """A group's machines, and the time that one command waits in all for those that are locked: the group's ``lock_wait``.

    A look is one call for all that are waited for, and the pauses between looks grow from `FIRST_LOOK` to `SLOWEST_LOOK`.
    """

    def __init__(self, provider: Machines, clock: Clock, group: MachineGroup, *, workers: int, tell: Tell) -> None:
        self._provider = provider
        self._clock = clock
        self._group = group
        self._workers = workers
        self._tell = tell
        self._left = group.lock_wait
        self._pause = FIRST_LOOK
        self._since: datetime | None = None
        self._told = ""

    def without_locks(self, machines: Sequence[Machine]) -> tuple[Machine, ...]:
        """Return them without the locks that will be waited for: for what is to be refused before anybody waits."""
        return tuple(replace(machine, lock="") if self._left > _NOTHING else machine for machine in machines)

    def free(self, machines: Sequence[Machine]) -> tuple[Machine, ...]:
        """Return the machines as they are once none is locked; nothing is asked where none is.

        Raises LockedError when the limit is over, and ConfigurationError where a machine is gone meanwhile.
        """
        while any(machine.lock for machine in machines):
            machines = self._all(machines)
        return tuple(machines)

    def again(self, machines: Sequence[Machine], error: LockedError) -> tuple[Machine, ...]:
        """Pause after a lock that came late, and return the machines as they are then; raises ``error`` when the limit is over."""
        if self._left <= _NOTHING:
            raise error
        return self._all(machines)

    def each(
        self, machines: Sequence[Machine], action: Callable[[Machine], _Value]
    ) -> tuple[Result[Machine, _Value], ...]:
        """As `concurrently`; one that is locked, as it says or ``action`` does, has its turn after the lock and keeps no other.

        With a limit of 0 each has its turn at once, whatever holds it.
        """
        if not self._group.lock_wait:
            return concurrently(machines, action, self._workers)
        by_host = {machine.host: machine for machine in machines}
        done: dict[str, Result[Machine, _Value]] = {}
        left = tuple(machines)
        while left:
            turn = [machine for machine in left if not machine.lock]
            done |= {outcome.machine.host: outcome for outcome in concurrently(turn, action, self._workers)}
            left = tuple(one for one in left if one.lock or isinstance(done[one.host].error, LockedError))
            if left and self._left <= _NOTHING:
                done |= {one.host: Result(one, None, self._over([one])) for one in left if one.lock}
                break
            if left:
                left, lost = self._look(left)
                done |= {host: Result(by_host[host], None, error) for host, error in lost.items()}
        return tuple(done[machine.host] for machine in machines)

    def _all(self, machines: Sequence[Machine]) -> tuple[Machine, ...]:
        if self._left <= _NOTHING:
            raise self._over([machine for machine in machines if machine.lock])
        found, lost = self._look(machines)
        for error in lost.values():
            raise error
        return found

    def _look(self, machines: Sequence[Machine]) -> tuple[tuple[Machine, ...], dict[str, DrillbookError]]:
        """Pause, then find them again, and why others are gone; an answer that does not come leaves them as they were."""
        began = self._clock.monotonic()
        self._since = self._since or self._clock.now()
        self._say([machine for machine in machines if machine.lock])
        self._clock.sleep(min(self._pause, self._left))
        self._pause = min(self._pause * _SLOWER, SLOWEST_LOOK)
        found, lost = {machine.host: machine for machine in machines}, dict[str, DrillbookError]()
        try:
            found, lost = find_each(self._provider, list(found))
        except InfrastructureError as error:
            self._tell(f"asked again: {error}")
        self._left -= self._clock.monotonic() - began
        return tuple(found.values()), lost

    def _say(self, locked: Sequence[Machine]) -> None:
        """Once for as long as the same machines are locked."""
        names = _names(locked)
        if names and names != self._told:
            self._tell(f"waiting at most {self._left.total_seconds():.0f} s for what holds {names}")
        self._told = names

    def _over(self, locked: Sequence[Machine]) -> LockedError:
        explained = concurrently(locked, self._explain, self._workers)
        waited = self._group.lock_wait - self._left
        since = f", since {format_instant(self._since)}" if self._since else ""
        return LockedError(
            f"still locked after {waited.total_seconds():.0f} s of waiting{since}: {_names(locked)}. "
            + "; ".join(f"{outcome.machine.host}: {outcome.value}" for outcome in explained),
            where=f"group {self._group.name}",
            remedy="Run the same command again when nothing holds them, or wait longer: drillbook_machines.lock_wait_seconds.",
        )

    def _explain(self, machine: Machine) -> str:
        if not isinstance(self._provider, LockExplaining):
            return "nothing holds it"
        try:
            return self._provider.explain_lock(machine)
        except DrillbookError as error:
            return f"who holds it can't be told ({error.message})"


def _names(machines: Sequence[Machine]) -> str:
    return ", ".join(f"{machine.host} ({machine.lock})" for machine in machines)
