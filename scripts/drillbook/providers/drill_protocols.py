"""What a provider can do for drills and restores: make machines that are a run's own, look into them, and put lost ones back."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Protocol, runtime_checkable

from drillbook.model import Backup, BackupRules, Claim, GuestAnswer, Login, Machine, NetworkCard, SandboxHost


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

    def reach(self, machine: Machine, timeout: timedelta) -> Login:
        """Wait until it can be logged in to; return how, over what the inventory says."""
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
class OwnInterface(Protocol):
    """It has an interface of its own in somebody's network, on the very hosts that restored machines run on."""

    def own_addresses(self) -> tuple[str, ...]:
        """Addresses of that interface: a restored machine must not reach them."""
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
