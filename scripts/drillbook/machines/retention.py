"""Grandfather, father, son: which snapshot sets, or backups of a machine, are kept; pure."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from drillbook.model import Retention

_PERIODS: dict[str, Callable[[datetime], tuple[int, ...]]] = {
    "hourly": lambda moment: (moment.year, moment.month, moment.day, moment.hour),
    "daily": lambda moment: (moment.year, moment.month, moment.day),
    "weekly": lambda moment: tuple(moment.isocalendar())[:2],
    "monthly": lambda moment: (moment.year, moment.month),
    "yearly": lambda moment: (moment.year,),
}


class Kept(Protocol):
    """What a rule can keep: it has a name of its own and a time, and is good or not."""

    @property
    def name(self) -> str:
        """Unique among those that are decided on together."""
        ...

    @property
    def taken_at(self) -> datetime:
        """What the rules go by."""
        ...

    @property
    def good(self) -> bool:
        """Whether it could be gone back to."""
        ...


def reasons_to_keep(entries: Sequence[Kept], retention: Retention, *, good: str) -> dict[str, tuple[str, ...]]:
    """Return, by name, why each entry is kept; nothing for what is not. ``good`` is what a good entry is called.

    Only good ones count towards a rule: a torn or damaged one must not push out a good one. It goes as soon as a good one
    is newer; until then it stays, as it may be all that there is. The newest good one is always kept, whatever the rules say.
    """
    newest_first = sorted(entries, key=lambda entry: entry.taken_at, reverse=True)
    sound = [entry for entry in newest_first if entry.good]
    reasons: dict[str, list[str]] = {entry.name: [] for entry in newest_first}
    if sound:
        reasons[sound[0].name].append(f"newest {good}")
    for entry in sound[: retention.last]:
        reasons[entry.name].append("last")
    for rule, period_of in _PERIODS.items():
        _keep_one_each(sound, rule, getattr(retention, rule), period_of, reasons)
    for entry in newest_first:
        if not entry.good and not any(other.taken_at > entry.taken_at for other in sound):
            reasons[entry.name].append(f"no {good} is newer")
    return {name: tuple(found) for name, found in reasons.items()}


def _keep_one_each(
    newest_first: Sequence[Kept],
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
