"""Says whether each machine of a group has a good backup that is new enough. Only a drill proves what is in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from drillbook.concurrently import concurrently, raise_failures
from drillbook.machines.backups.inventory import MachineBackups, TakenBackup
from drillbook.model import BackupRules, MachineGroup, format_instant
from drillbook.providers import Backups

CLOCK_TOLERANCE = timedelta(minutes=2)
"""How far ahead of ours the provider's clock may be."""


@dataclass(frozen=True, slots=True)
class BackupFinding:
    """What was found for one machine: its newest good backup, what is wrong with newer ones, and why it is red, if it is."""

    host: str
    newest_good: TakenBackup | None
    age: timedelta | None
    damaged: tuple[tuple[str, str], ...]
    why: str

    @property
    def good(self) -> bool:
        """Whether the machine could be restored from a backup that is new enough."""
        return not self.why

    def as_json(self) -> dict[str, Any]:
        """Return the form that ``--json`` prints."""
        newest = self.newest_good
        return {
            "host": self.host,
            "good": self.good,
            "why": self.why,
            "newest_good": newest.as_json() if newest else None,
            "age_seconds": self.age.total_seconds() if self.age is not None else None,
            "damaged": [{"backup": name, "why": why} for name, why in self.damaged],
        }


def faults_of(provider: Backups, taken: TakenBackup, rules: BackupRules) -> str | None:
    """What is wrong with any copy of a backup; None if nothing is."""
    said = [
        f"{copy.identifier}: {fault}"
        for copy in taken.copies
        if (fault := provider.fault(copy, rules, rules.timeout)) is not None
    ]
    return "; ".join(said) or None


def verify_backups(
    provider: Backups,
    group: MachineGroup,
    rules: BackupRules,
    kept: Sequence[MachineBackups],
    *,
    now: datetime,
    workers: int,
) -> tuple[BackupFinding, ...]:
    """Look at each machine's backups, newest first, until one is good; raises InfrastructureError where one can't be looked at."""
    outcomes = concurrently(kept, lambda one: _find(provider, one, rules, now), workers)
    raise_failures(
        outcomes,
        what="looking at the backups",
        group=group.name,
        remedy="See that the provider answers, and run again.",
    )
    return tuple(outcome.value for outcome in outcomes if outcome.value is not None)


def _find(provider: Backups, one: MachineBackups, rules: BackupRules, now: datetime) -> BackupFinding:
    damaged: list[tuple[str, str]] = []
    for taken in reversed(one.backups):
        fault = faults_of(provider, taken, rules)
        if fault is None:
            age = now - taken.taken_at
            return BackupFinding(one.host, taken, age, tuple(damaged), _age_fault(taken, age, rules.maximum_age))
        damaged.append((taken.run, fault))
    why = f"none of its {len(damaged)} backups is good: {damaged[0][1]}" if damaged else "it has no backup"
    return BackupFinding(one.host, None, None, tuple(damaged), why)


def _age_fault(taken: TakenBackup, age: timedelta, limit: timedelta) -> str:
    if age < -CLOCK_TOLERANCE:
        return f"its newest good backup is of {format_instant(taken.taken_at)}, which is to come: a clock is wrong"
    if age > limit:
        return f"its newest good backup is {_hours(age)} old, and may be {_hours(limit)}"
    return ""


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f} h"
