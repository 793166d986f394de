"""What a provider of machines can do. One module per vendor; its types and dictionaries stop there.

An ability that not every provider has is a Protocol of its own, and who has it not does not implement it. Whoever needs it asks
by ``isinstance``.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Protocol, runtime_checkable

from drillbook.model import (
    Backup,
    BackupRules,
    Claim,
    GuestAnswer,
    Machine,
    NetworkCard,
    Quiesce,
    SandboxHost,
    Snapshot,
)


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


class Inside(Protocol):
    """Starts restored machines, and looks at them from inside. Every call is bounded in time and raises DrillbookError."""

    def start(self, machine: Machine, timeout: timedelta) -> None:
        """Start it, with no other network card than it was made with; nothing happens where it runs."""
        ...

    def answers(self, machine: Machine) -> bool:
        """Whether programs can be run inside it now."""
        ...

    def read(self, machine: Machine, path: str) -> str | None:
        """Read a small file inside it; None where there is none."""
        ...

    def run(self, machine: Machine, script: str, timeout: timedelta) -> GuestAnswer:
        """Run a POSIX shell script inside it as root, and return what it ended with."""
        ...


class DrillMachines(Protocol):
    """Names machines of the place's drill range, and removes exactly those. Every call is bounded in time and raises DrillbookError."""

    def claim(self, host: str, run_id: str, taken: Collection[str]) -> Claim:
        """Choose what a machine will be called; nothing is made. ``taken`` are identifiers that were lost to somebody else."""
        ...

    def destroy(self, claim: Claim, timeout: timedelta) -> None:
        """Remove what the claim names, running or not; nothing happens where it is gone.

        Raises RefusedError, and touches nothing, unless range, pool and the tag of the run all match.
        """
        ...


class Sandboxes(DrillMachines, Protocol):
    """Makes empty hosts inside the place's drill range, for roles to configure. Every call is bounded in time and raises DrillbookError."""

    def make(self, claim: Claim, sandbox: SandboxHost, timeout: timedelta) -> Machine:
        """Make and start the host, with the run's mark.

        Raises TakenError where somebody else was faster with the identifier (nothing was made, claim another one), and
        InfrastructureError where another run has the sandbox host.
        """
        ...

    def reach(self, machine: Machine, timeout: timedelta) -> Mapping[str, str]:
        """Wait until it can be logged in to; return the variables by which Ansible reaches it, over those of the inventory."""
        ...


class Inspection(Protocol):
    """Says from outside whether restored machines are cut off. Every call is bounded in time and raises DrillbookError."""

    def cards(self, machine: Machine) -> tuple[NetworkCard, ...]:
        """Read its network cards back."""
        ...

    def isolated_network(self) -> str:
        """The network that each card must be on, as `cards` reports it."""
        ...

    def forbidden_macs(self, backup: Backup) -> frozenset[str]:
        """The hardware addresses of the machine that the backup is of, as far as the drill may read them."""
        ...


class Restores(DrillMachines, Inspection, Inside, Protocol):
    """Makes machines from backups inside the place's drill range, cut off from everything.

    It asks by the drill's own credential, which can write over nothing else. Every call is bounded in time and raises
    DrillbookError.
    """

    def backups(self, hosts: Sequence[str], rules: BackupRules) -> tuple[Backup, ...]:
        """As `Backups.backups`, by the drill's credential."""
        ...

    def restore(self, claim: Claim, backup: Backup, timeout: timedelta) -> Machine:
        """Make the machine: stopped, each card with a new address on the isolated network from the first moment, tagged.

        Where the place restores live it may return running, with its disks still being fetched: see `LiveRestores`. Where no
        machine can be made without running, only its cards are made here, which `cards` reads, and `start` makes the rest.

        Raises TakenError where somebody else was faster with the identifier: nothing was made, claim another one.
        """
        ...


@runtime_checkable
class HostSettings(Protocol):
    """Its backups bring settings with them that act on the host."""

    def escapes(self, machine: Machine) -> tuple[str, ...]:
        """What of a machine's settings acts on its host, or leads out beside its cards."""
        ...


@runtime_checkable
class LiveRestores(Protocol):
    """Uses machines before their disks are whole."""

    def live(self) -> bool:
        """Whether the place does so; its owner may have said that it shall not."""
        ...

    def finish(self, machine: Machine, timeout: timedelta) -> bool:
        """Wait until nothing of a machine is read from its backup any more; False, at some time, where the provider does not say."""
        ...


@runtime_checkable
class LimitedCredential(Protocol):
    """Asks by a credential whose limits can be proven."""

    def separate(self) -> bool:
        """Whether the place was given one for drills alone."""
        ...

    def overreach(self, hosts: Sequence[str]) -> str | None:
        """Try, without effect, what the drill's credential must not do to these machines; what it could do, or None.

        Raises UntriedError where it sees nothing of them that it could be tried on.
        """
        ...


class Recoveries(Inside, Protocol):
    """Puts machines back into their own place from their backups, over what is left of them.

    It asks by a credential that only the bad day needs: it can write over production. Every call is bounded in time and raises
    DrillbookError.
    """

    def backups(self, hosts: Sequence[str], rules: BackupRules) -> tuple[Backup, ...]:
        """As `Backups.backups`."""
        ...

    def fault(self, backup: Backup, rules: BackupRules, timeout: timedelta) -> str | None:
        """As `Backups.fault`."""
        ...

    def standing(self, backups: Sequence[Backup]) -> Mapping[str, Machine]:
        """Return, by host, what is left of the machines that these backups are of, in their own places.

        Raises RefusedError where such a place is another machine's now, where another machine has the host's name, or where nothing
        can be written over what is left (its node is away, it is locked).
        """
        ...

    def put_back(self, backup: Backup, over: Machine | None, timeout: timedelta) -> Machine:
        """Make the machine again in its own place, with its own network cards; it is left stopped.

        What stands there is ``over``: it is switched off first, and its disks are lost. Where that is None and something stands there
        after all, nothing is touched.
        """
        ...

    def has_own_cards(self, machine: Machine, backup: Backup) -> bool:
        """Read its network cards back: whether they are those that the machine had when it was backed up."""
        ...


@runtime_checkable
class PartialBackups(Protocol):
    """Its backups may leave disks out."""

    def left_behind(self, machine: Machine, backup: Backup) -> tuple[str, ...]:
        """Which disks the machine had when it was backed up and has not now: a sentence for each, with what brings it back."""
        ...
