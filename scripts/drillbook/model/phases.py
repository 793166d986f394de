"""Phases of a run, in order, and how a play's name says which one it is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

_PLAY_NAME = re.compile(r"^\((\d+)/(\d+)\) ([a-z]+): ")


class Phase(StrEnum):
    """One part of a run; the order of the members is the order of the phases."""

    DECLARE = "declare"
    PROVISION = "provision"
    SELECT = "select"
    THAW = "thaw"
    TRANSFER = "transfer"
    REPLAY = "replay"
    START = "start"
    VERIFY = "verify"
    PROVE = "prove"
    TEARDOWN = "teardown"


def phase_of_play(name: str) -> Phase | None:
    """Return the phase a play named ``(2/5) transfer: ...`` belongs to; None for any other name."""
    match = _PLAY_NAME.match(name)
    if match is None or match.group(3) not in set(Phase):
        return None
    return Phase(match.group(3))


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time, both ends counted from the declaration of the disaster."""

    start: timedelta
    end: timedelta

    @property
    def duration(self) -> timedelta:
        """Length of the stretch."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class PhaseTime:
    """All stretches that one phase took."""

    phase: Phase
    intervals: tuple[Interval, ...]

    @property
    def duration(self) -> timedelta:
        """Sum of the stretches."""
        return sum((interval.duration for interval in self.intervals), timedelta())


@dataclass(frozen=True, slots=True)
class Timeline:
    """Where the time of a run went: phases, what belongs to none, and the total they add up to."""

    phases: tuple[PhaseTime, ...]
    unattributed: timedelta
    total: timedelta

    def accounted(self) -> bool:
        """Tell whether phases plus unattributed equal the total within 1 %."""
        attributed = sum((phase.duration for phase in self.phases), timedelta())
        return abs(attributed + self.unattributed - self.total) <= self.total / 100

    def duration_of(self, phases: Sequence[Phase]) -> timedelta:
        """Sum of the given phases."""
        return sum((entry.duration for entry in self.phases if entry.phase in phases), timedelta())
