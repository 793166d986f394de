"""Grandfather, father, son: which snapshot sets are kept; pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from drillbook.model import Retention
from drillbook.snapshots.sets import SetState, SnapshotSet

_PERIODS: dict[str, Callable[[datetime], tuple[int, ...]]] = {
    "hourly": lambda moment: (moment.year, moment.month, moment.day, moment.hour),
    "daily": lambda moment: (moment.year, moment.month, moment.day),
    "weekly": lambda moment: tuple(moment.isocalendar())[:2],
    "monthly": lambda moment: (moment.year, moment.month),
    "yearly": lambda moment: (moment.year,),
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a set, and which rules keep it."""

    set: SnapshotSet
    reasons: tuple[str, ...]

    @property
    def kept(self) -> bool:
        """Whether any rule keeps it."""
        return bool(self.reasons)


def decide(sets: Sequence[SnapshotSet], retention: Retention) -> tuple[Decision, ...]:
    """Return a decision for each set, oldest first.

    Only whole sets count towards a rule: a torn or partial one must not push out a good one. It goes as soon as a whole set
    is newer; until then it stays, as it may be all that there is. The newest whole set is always kept, whatever the rules say.
    """
    ordered = sorted(sets, key=lambda entry: entry.taken_at, reverse=True)
    whole = [entry for entry in ordered if entry.state is SetState.WHOLE]
    reasons: dict[str, list[str]] = {entry.name: [] for entry in ordered}
    if whole:
        reasons[whole[0].name].append("newest whole set")
    for entry in whole[: retention.last]:
        reasons[entry.name].append("last")
    for rule, period_of in _PERIODS.items():
        _keep_one_each(whole, rule, getattr(retention, rule), period_of, reasons)
    for entry in ordered:
        if entry.state is not SetState.WHOLE and not any(other.taken_at > entry.taken_at for other in whole):
            reasons[entry.name].append("no whole set is newer")
    return tuple(Decision(entry, tuple(reasons[entry.name])) for entry in reversed(ordered))


def _keep_one_each(
    newest_first: Sequence[SnapshotSet],
    rule: str,
    count: int,
    period_of: Callable[[datetime], tuple[int, ...]],
    reasons: dict[str, list[str]],
) -> None:
    seen: set[tuple[int, ...]] = set()
    for entry in newest_first:
        period = period_of(entry.taken_at)
        if period in seen:
            continue
        if len(seen) == count:
            return
        seen.add(period)
        reasons[entry.name].append(rule)
