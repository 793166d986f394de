"""Grandfather, father, son: which snapshot sets, or backups of a machine, are kept; pure."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from drillbook.model import Retention, format_instant

CLOCK_TOLERANCE = timedelta(minutes=2)
"""How far ahead of ours the provider's clock may be."""
TO_COME = "dated into the future"
"""Why an entry stays that no rule can judge."""

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


def is_to_come(moment: datetime, now: datetime) -> bool:
    """Whether that is later than ``now``, with some tolerance: a clock was wrong, and nobody knows when it was."""
    return moment > now + CLOCK_TOLERANCE


def said_to_come(moment: datetime) -> str:
    """The fault of what is dated into the future."""
    return f"it is of {format_instant(moment)}, which is to come: a clock is wrong"


def reasons_to_keep(
    entries: Sequence[Kept], retention: Retention, now: datetime, *, good: str
) -> dict[str, tuple[str, ...]]:
    """Return, by name, why each entry is kept; nothing for what is not. ``good`` is what a good entry is called.

    Only good ones count towards a rule: a torn or damaged one must not push out a good one. It goes as soon as a good one
    is newer; until then it stays, as it may be all that there is. The newest good one is always kept, whatever the rules say.
    What is dated into the future stays, and counts for nothing: it would push out every sound one.
    """
    newest_first = sorted(
        (entry for entry in entries if not is_to_come(entry.taken_at, now)),
        key=lambda entry: entry.taken_at,
        reverse=True,
    )
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
    to_come = {entry.name: (TO_COME,) for entry in entries if is_to_come(entry.taken_at, now)}
    return {name: tuple(found) for name, found in reasons.items()} | to_come


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
