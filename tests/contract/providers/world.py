"""What the contract suite needs of a provider beside its Protocol: machines whose disks have a content that can be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drillbook.model import Backup, BackupRules, Claim, GuestAnswer, Machine
    from drillbook.providers import Backups, Restores, Snapshots


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


class RestoreWorld(Protocol):
    """A provider with a drill range, and the machines ``shop-db`` and ``shop-web1``, running.

    ``exclusive``: of what a claim names there can be one only, so somebody else could be faster with it. ``limited``: drills have a
    credential of their own there, whose limits can be proven.
    """

    restores: Restores
    rules: BackupRules
    exclusive: bool
    limited: bool

    def write(self, host: str, path: str, text: str) -> None:
        """Write a file of the machine."""
        ...

    def plan(self, host: str, script: str, answer: GuestAnswer | None) -> None:
        """Where no program really runs: say how the script ends in copies of this machine; None if it never does."""
        ...

    def back_up(self, host: str, run: str) -> Backup:
        """Take a backup, as `drillbook backup` does, and return it as the drill sees it."""
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

    def lose(self, host: str) -> None:
        """Remove the machine, as its owner does."""
        ...

    def identifier(self, host: str) -> str:
        """What the provider calls the machine of production."""
        ...

    def macs(self, host: str) -> frozenset[str]:
        """Its hardware addresses."""
        ...

    def production(self) -> object:
        """All that no drill may change: what is on the disks of the machines, how they are made, and whether they run."""
        ...

    def others(self) -> frozenset[str]:
        """The identifiers of all other machines there, whoever made them."""
        ...

    def intrude(self, claim: Claim) -> None:
        """Make a machine of what was claimed, as somebody else."""
        ...

    def outside(self, claim: Claim) -> Sequence[str]:
        """Identifiers that no claim of a drill has, beside those of production: others' names, and tricks with this one's."""
        ...

    def strengthen(self, host: str) -> None:
        """Give the drill's credential a right on the machine of production; only where it is ``limited``."""
        ...
