"""What a provider can do with machines, their snapshots and backups; what drills and restores need stands in `drill_protocols`.

One module per vendor; its types and dictionaries stop there.

An ability that not every provider has is a Protocol of its own, and who has it not does not implement it. Whoever needs it asks
by ``isinstance``.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Protocol, runtime_checkable

from drillbook.model import Backup, BackupRules, Check, Machine, Quiesce, Snapshot


class Machines(Protocol):
    """Finds machines, with what holds them."""

    def find(self, hosts: Sequence[str]) -> tuple[Machine, ...]:
        """Return the machines of these inventory hosts, in this order.

        Raises ConfigurationError for a host that the provider does not know or knows twice.
        """
        ...


@runtime_checkable
class LockExplaining(Protocol):
    """Knows locks."""

    def explain_lock(self, machine: Machine) -> str:
        """Say who holds a machine that is locked, as far as this credential may see, and what frees it if nobody does."""
        ...


class Snapshots(Machines, Protocol):
    """Takes, lists, removes and goes back to snapshots of single machines. Every call is bounded in time and raises DrillbookError.

    That is LockedError where a lock kept it from being done, and only if nothing was done.
    """

    def refusal(self, machine: Machine, *, ram: bool, quiesce: Quiesce) -> str | None:
        """Say why this machine can't be snapshotted now (storage, lock, state); None when it can."""
        ...

    def take(self, machine: Machine, name: str, *, ram: bool, note: str, timeout: timedelta) -> None:
        """Take a snapshot and return when its point in time is fixed: what the machine writes from then on is not in it.

        It may still have to be completed, by `LateSnapshots`. Raises TakenError where the machine has one of that name.
        """
        ...

    def snapshots(self, machine: Machine) -> tuple[Snapshot, ...]:
        """Return all its snapshots, whoever took them."""
        ...

    def remove(self, machine: Machine, name: str, timeout: timedelta) -> None:
        """Remove a snapshot and return when it is gone; nothing happens where it is not there."""
        ...

    def go_back(self, machine: Machine, name: str, timeout: timedelta) -> None:
        """Put the machine back to a snapshot; it is left stopped, or running where its memory came back."""
        ...

    def start(self, machine: Machine, timeout: timedelta) -> None:
        """Start it; nothing happens where it runs."""
        ...


@runtime_checkable
class Freezing(Protocol):
    """Brings the file systems of running machines to rest."""

    def freeze(self, machine: Machine, timeout: timedelta) -> None:
        """Bring its file systems to rest; raises UnreachedError where nothing was frozen. Whatever else happens, `thaw` it."""
        ...

    def thaw(self, machine: Machine, timeout: timedelta) -> None:
        """Let its file systems go on; nothing happens where they are not frozen."""
        ...


@runtime_checkable
class PowerReading(Protocol):
    """Says what runs now, where `Machines.find` may show a machine as it was some seconds ago."""

    def look_again(self, machine: Machine) -> Machine:
        """Return the machine with the power that it has now."""
        ...


@runtime_checkable
class LateSnapshots(Protocol):
    """Completes snapshots after `Snapshots.take` has returned; until then they are not listed."""

    def complete(self, machine: Machine, name: str, timeout: timedelta) -> None:
        """Wait until a snapshot that was taken is complete; raises InfrastructureError where it will never be."""
        ...


class Backups(Machines, Protocol):
    """Takes, lists, reads again and removes backups of single machines. Every call is bounded in time and raises DrillbookError.

    That is LockedError where a lock kept a machine from being backed up, and only if nothing was done.
    """

    def refusal(self, machine: Machine, rules: BackupRules) -> str | None:
        """Say why this machine can't be backed up so now (storage, lock, disks that a backup leaves out); None when it can."""
        ...

    def back_up(self, machine: Machine, rules: BackupRules, *, note: str, timeout: timedelta) -> Backup:
        """Take a backup, return when it is there and as the provider lists it. ``note`` is a rendered BackupNote."""
        ...

    def backups(self, hosts: Sequence[str], rules: BackupRules) -> tuple[Backup, ...]:
        """Return all backups that drillbook took of these hosts, oldest first; also of machines that are gone."""
        ...

    def fault(self, backup: Backup, rules: BackupRules, timeout: timedelta) -> str | None:
        """Look at a backup as far as the provider can without restoring it, and say what is wrong with it; None if nothing is."""
        ...

    def protect(self, backup: Backup, *, protected: bool) -> None:
        """Keep it from being removed, or let it be removed again."""
        ...

    def remove(self, backup: Backup, timeout: timedelta) -> None:
        """Remove it and return when it is gone; a protected one is refused."""
        ...


@runtime_checkable
class Pools(Protocol):
    """Its machines are in pools, on which rights are given: one that comes back outside its pool is out of reach."""

    def in_their_pools(self, backups: Sequence[Backup]) -> Mapping[str, bool | None]:
        """Whether each machine that was put back is in the pool that it was backed up in, by host.

        None where the backup or the credential leaves that unknown.
        """
        ...


@runtime_checkable
class Doubtful(Protocol):
    """It goes on where not all is as it should be, for the bad day must not stop there; and it says so."""

    def doubts(self) -> tuple[Check, ...]:
        """A skipped check for each such thing, once `backups` was asked."""
        ...


@runtime_checkable
class PartialBackups(Protocol):
    """Its backups may leave disks out."""

    def left_behind(self, machine: Machine, backup: Backup) -> tuple[str, ...]:
        """Which disks the machine had when it was backed up and has not now: a sentence for each, with what brings it back."""
        ...
