"""What there is: the backups of each machine of a group, told from the notes that lie with them.

The provider's own data is the only state. What drillbook did not take carries no such note, and is never counted or removed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from drillbook.errors import ConfigurationError
from drillbook.model import Backup, BackupNote, BackupRules, MachineGroup, format_instant


@dataclass(frozen=True, slots=True)
class TakenBackup:
    """One machine's backup of one run: the backup, and its copies in other places. Copies live and die with it."""

    host: str
    run: str
    copies: tuple[Backup, ...]

    @property
    def taken_at(self) -> datetime:
        """When it was taken."""
        return min(copy.taken_at for copy in self.copies)

    @property
    def protected(self) -> bool:
        """Whether any of its copies is protected."""
        return any(copy.protected for copy in self.copies)

    def is_called(self, name: str) -> bool:
        """Whether that is its run, or the identifier of one of its copies."""
        return name == self.run or any(name == copy.identifier for copy in self.copies)

    def as_json(self) -> dict[str, Any]:
        """Return the form that ``--json`` prints."""
        return {
            "host": self.host,
            "run": self.run,
            "taken_at": format_instant(self.taken_at),
            "protected": self.protected,
            "copies": [
                {
                    "identifier": copy.identifier,
                    "place": copy.place,
                    "source": copy.source,
                    "size_bytes": copy.size,
                    "protected": copy.protected,
                    "verified": copy.verified,
                    "warnings": list(copy.warnings),
                }
                for copy in self.copies
            ],
        }


@dataclass(frozen=True, slots=True)
class MachineBackups:
    """All backups of one machine, oldest first."""

    host: str
    backups: tuple[TakenBackup, ...]


def open_rules(group: MachineGroup) -> BackupRules:
    """Return how the group is backed up; raises ConfigurationError where the inventory does not say."""
    if group.backup is None:
        raise ConfigurationError(
            "the group's machines are not backed up",
            where=f"group {group.name}, drillbook_machines.backup",
            remedy="Say there how they are: docs/how-to/backups.md.",
        )
    return group.backup


def backups_by_machine(group: MachineGroup, backups: Iterable[Backup]) -> tuple[MachineBackups, ...]:
    """Return what each member has, in the group's order; backups that another group's run took are not counted."""
    found: dict[str, dict[str, list[Backup]]] = {host: {} for host in group.hosts}
    for backup in backups:
        note = BackupNote.read(backup.note)
        if note is not None and note.group == group.name and backup.host in found:
            found[backup.host].setdefault(note.run or backup.identifier, []).append(backup)
    return tuple(MachineBackups(host, _ordered(host, runs)) for host, runs in found.items())


def _ordered(host: str, runs: dict[str, list[Backup]]) -> tuple[TakenBackup, ...]:
    made = [TakenBackup(host, run, tuple(copies)) for run, copies in runs.items()]
    return tuple(sorted(made, key=lambda one: (one.taken_at, one.run)))
