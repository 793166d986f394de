"""Removes the backups that no rule keeps, machine by machine; never the last good one, a protected one, or another's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from drillbook.concurrently import concurrently, raise_failures
from drillbook.machines.backups.inventory import MachineBackups, TakenBackup
from drillbook.machines.backups.verify import faults_of
from drillbook.machines.retention import TO_COME, is_to_come, reasons_to_keep, said_to_come
from drillbook.machines.tell import Tell
from drillbook.model import BackupRules, MachineGroup, format_instant
from drillbook.providers import Backups


@dataclass(frozen=True, slots=True)
class BackupDecision:
    """What becomes of a backup, and why it stays. ``fault`` is what is wrong with it, None if nothing is."""

    backup: TakenBackup
    fault: str | None
    reasons: tuple[str, ...]

    @property
    def kept(self) -> bool:
        """Whether it stays."""
        return bool(self.reasons)

    @property
    def to_come(self) -> bool:
        """Whether it is dated into the future, so that no rule can judge it."""
        return TO_COME in self.reasons

    def as_json(self) -> dict[str, Any]:
        """Return the form that ``--json`` prints."""
        return {
            "host": self.backup.host,
            "run": self.backup.run,
            "taken_at": format_instant(self.backup.taken_at),
            "kept": self.kept,
            "reasons": list(self.reasons),
            "fault": self.fault,
        }


@dataclass(frozen=True, slots=True)
class _Judged:
    """A backup as the rules see it."""

    backup: TakenBackup
    fault: str | None

    @property
    def name(self) -> str:
        return self.backup.run

    @property
    def taken_at(self) -> datetime:
        return self.backup.taken_at

    @property
    def good(self) -> bool:
        return self.fault is None


@dataclass(frozen=True, slots=True)
class _Doomed:
    host: str
    backups: tuple[TakenBackup, ...]


def decide_backups(
    provider: Backups,
    group: MachineGroup,
    rules: BackupRules,
    kept: Sequence[MachineBackups],
    *,
    now: datetime,
    workers: int,
) -> tuple[BackupDecision, ...]:
    """Look at every backup and decide on each; raises InfrastructureError, and nothing is decided, where one can't be looked at.

    A copy that is missing makes no backup bad here: without it, it can be restored all the same.
    """
    alone = replace(rules, copy_to_region="")
    outcomes = concurrently(kept, lambda one: _decide(provider, one, alone, now), workers)
    raise_failures(
        outcomes,
        what="looking at the backups",
        group=group.name,
        remedy="See that the provider answers, and run again: nothing was removed.",
    )
    return tuple(decision for outcome in outcomes for decision in outcome.value or ())


def prune_backups(
    provider: Backups,
    group: MachineGroup,
    rules: BackupRules,
    decisions: Sequence[BackupDecision],
    *,
    workers: int,
    tell: Tell,
) -> None:
    """Remove what is not kept, oldest first; raises InfrastructureError that names the machines where something stayed.

    After an interruption the same call goes on.
    """
    doomed: dict[str, list[TakenBackup]] = {}
    for decision in decisions:
        if not decision.kept:
            doomed.setdefault(decision.backup.host, []).append(decision.backup)

    def remove(one: _Doomed) -> None:
        for taken in one.backups:
            for copy in taken.copies:
                provider.remove(copy, rules.timeout)
            tell(f"removed {taken.run} of {one.host}")

    outcomes = concurrently([_Doomed(host, tuple(found)) for host, found in doomed.items()], remove, workers)
    raise_failures(outcomes, what="pruning", group=group.name, remedy="Mend that and run the same command again.")


def _decide(provider: Backups, one: MachineBackups, rules: BackupRules, now: datetime) -> tuple[BackupDecision, ...]:
    """Protected ones stay, and take no other's place."""
    judged = [
        _Judged(
            taken,
            said_to_come(taken.taken_at) if is_to_come(taken.taken_at, now) else faults_of(provider, taken, rules),
        )
        for taken in one.backups
    ]
    reasons = reasons_to_keep(
        [entry for entry in judged if not entry.backup.protected], rules.retention, now, good="good backup"
    )
    return tuple(
        BackupDecision(
            entry.backup, entry.fault, ("protected",) if entry.backup.protected else reasons[entry.backup.run]
        )
        for entry in judged
    )
