"""Geometry of the phase timeline: turns intervals of a record into shapes for an inline SVG."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import floor

from drillbook.evidence.entries import JSON
from drillbook.evidence.reports.view import duration, items, mapping, number, text

WIDTH = 960
LEFT = 118
RIGHT = 104
TOP = 38
ROW = 28
BOTTOM = 26
_AFTER_RECOVERY = frozenset({"prove", "teardown"})
_SMALLEST_BAR = 2.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One interval of a phase, in SVG units."""

    x: float
    width: float
    tooltip: str


@dataclass(frozen=True, slots=True)
class Row:
    """One phase: its label, its bars, its total; ``counted`` phases are part of the RTO."""

    name: str
    y: float
    total: str
    counted: bool
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line with words: an axis tick, the objective, the first answer."""

    x: float
    label: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class TimelineChart:
    """Everything the template draws."""

    width: int
    height: int
    left: int
    plot_right: int
    axis_y: float
    rows: tuple[Row, ...]
    ticks: tuple[Mark, ...]
    objective: Mark | None
    first_answer: Mark | None
    description: str


def make_timeline(track: Mapping[str, JSON], declared_at: JSON = None) -> TimelineChart | None:
    """Lay out the phases of a track; None if it has none. Seconds count from the declaration of the disaster."""
    spans = _spans(track, declared_at)
    if not spans:
        return None
    longest = max((end for _, intervals, _ in spans for _, end in intervals), default=0.0)
    objective = number(mapping(track.get("rto")).get("objective_seconds"))
    # The objective's line is drawn where it doesn't squeeze the bars into a corner.
    shown = objective if objective is not None and objective <= 2.5 * longest else None
    scale = max(longest, shown or 0.0, number(track.get("total_seconds")) or 0.0) * 1.02 or 1.0
    plot = WIDTH - LEFT - RIGHT

    def at(seconds: float) -> float:
        return round(LEFT + plot * min(max(seconds, 0.0), scale) / scale, 2)

    rows = tuple(
        Row(name, TOP + index * ROW, duration(total), name not in _AFTER_RECOVERY, _bars(name, intervals, at(0), at))
        for index, (name, intervals, total) in enumerate(spans)
    )
    axis_y = TOP + len(rows) * ROW + 4
    step = _step(scale)
    ticks = tuple(Mark(at(index * step), duration(index * step)) for index in range(floor(scale / step) + 1))
    answered = number(track.get("time_to_first_answer_seconds"))
    return TimelineChart(
        width=WIDTH,
        height=axis_y + BOTTOM,
        left=LEFT,
        plot_right=WIDTH - RIGHT,
        axis_y=axis_y,
        rows=rows,
        ticks=ticks,
        objective=_mark(at, shown, "RTO objective"),
        first_answer=_mark(at, answered, "first answer"),
        description=". ".join(f"{row.name} {row.total}" for row in rows),
    )


def _spans(track: Mapping[str, JSON], declared: JSON) -> list[tuple[str, list[tuple[float, float]], float]]:
    """Name, intervals in seconds since the declaration, and total of each phase.

    A phase without intervals is laid after the one before it, so that an older record is still drawn.
    """
    spans = []
    cursor = 0.0
    for phase in (mapping(item) for item in items(track.get("phases"))):
        total = number(phase.get("seconds")) or 0.0
        intervals = []
        for pair in (items(interval) for interval in items(phase.get("intervals"))):
            if len(pair) == 2:
                start, end = _offset(pair[0], declared), _offset(pair[1], declared)
                if start is not None and end is not None and end >= start:
                    intervals.append((start, end))
        if not intervals and total > 0:
            intervals = [(cursor, cursor + total)]
        cursor = max([cursor, *(end for _, end in intervals)])
        spans.append((text(phase.get("name")), intervals, total))
    return spans


def _offset(value: JSON, declared: JSON) -> float | None:
    """Seconds since the declaration, from a number or from a time."""
    if isinstance(value, str) and isinstance(declared, str):
        try:
            return (datetime.fromisoformat(value) - datetime.fromisoformat(declared)).total_seconds()
        except (ValueError, TypeError):
            return None
    return number(value)


def _bars(
    name: str, intervals: list[tuple[float, float]], origin: float, at: Callable[[float], float]
) -> tuple[Bar, ...]:
    bars = []
    for start, end in intervals:
        width = max(_SMALLEST_BAR, round(at(end) - at(start), 2))
        left = max(origin, min(at(start), WIDTH - RIGHT - width))
        bars.append(Bar(left, width, f"{name}: {duration(start)} to {duration(end)}"))
    return tuple(bars)


def _mark(at: Callable[[float], float], seconds: float | None, name: str) -> Mark | None:
    if seconds is None:
        return None
    x = at(seconds)
    middle = LEFT + (WIDTH - LEFT - RIGHT) / 2
    return Mark(x, f"{name} {duration(seconds)}", "end" if x > middle else "start")


def _step(scale: float) -> float:
    """A round distance between ticks that gives about four to nine of them; round in the base-60 world from a minute on."""
    fractions = [figure * 10**power for power in range(-4, 1) for figure in (1.0, 2.0, 5.0)]
    clock = [10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 10_800.0, 21_600.0, 43_200.0]
    days = [86_400.0 * figure * 10**power for power in range(4) for figure in (1.0, 2.0, 5.0)]
    return next((step for step in (*fractions, *clock, *days) if scale <= 8 * step), scale / 4)
