"""What the contract suite needs of a provider beside its Protocol: machines whose disks have a content that can be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from drillbook.model import Backup, BackupRules, Machine
    from drillbook.providers import Backups, Snapshots


class World(Protocol):
    """A provider with the machines ``shop-db``, ``shop-web1`` and ``shop-web2``, all running."""

    snapshots: Snapshots
    hosts: tuple[str, ...]

    def write(self, machine: Machine, text: str) -> None:
        """Write to the machine's disk."""
        ...

    def read(self, machine: Machine) -> str:
        """Read what is on the disk that the machine has now."""
        ...

    def runs(self, machine: Machine) -> bool:
        """Whether it runs now."""
        ...

    def twin(self, host: str) -> None:
        """Make a second machine of the same name."""
        ...


class BackupWorld(World, Protocol):
    """One whose backups can be spoilt and lied about."""

    backups: Backups
    rules: BackupRules

    def lose(self, host: str) -> None:
        """Remove the machine, as its owner does."""
        ...

    def damage(self, backup: Backup) -> None:
        """Make a backup one that can't be restored."""
        ...

    def lie(self, backup: Backup, note: str) -> None:
        """Write another note to it."""
        ...

    def foreign(self, host: str) -> None:
        """Take a backup as somebody else."""
        ...

    def stored(self) -> int:
        """How many backups are there, whoever took them."""
        ...
