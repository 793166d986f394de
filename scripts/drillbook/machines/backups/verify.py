"""Says whether each machine of a group has a good backup that is new enough. Only a drill proves what is in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from drillbook.concurrently import concurrently, raise_failures
from drillbook.machines.backups.inventory import MachineBackups, TakenBackup
from drillbook.machines.retention import is_to_come, said_to_come
from drillbook.model import BackupRules, MachineGroup
from drillbook.providers import Backups


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
    """One that is dated into the future is not good, and turns the machine red: its clock may have dated others wrongly too."""
    damaged: list[tuple[str, str]] = []
    to_come = [taken for taken in one.backups if is_to_come(taken.taken_at, now)]
    red = f"its backup {to_come[0].run}: {said_to_come(to_come[0].taken_at)}" if to_come else ""
    for taken in reversed(one.backups):
        fault = said_to_come(taken.taken_at) if taken in to_come else faults_of(provider, taken, rules)
        if fault is None:
            age = now - taken.taken_at
            return BackupFinding(one.host, taken, age, tuple(damaged), _age_fault(age, rules.maximum_age) or red)
        damaged.append((taken.run, fault))
    why = f"none of its {len(damaged)} backups is good: {damaged[0][1]}" if damaged else "it has no backup"
    return BackupFinding(one.host, None, None, tuple(damaged), why)


def _age_fault(age: timedelta, limit: timedelta) -> str:
    if age > limit:
        return f"its newest good backup is {_hours(age)} old, and may be {_hours(limit)}"
    return ""


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f} h"
