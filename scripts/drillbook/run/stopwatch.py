"""Attributes every instant of a run to one phase, or to none."""

from datetime import timedelta

from drillbook.clock import Clock
from drillbook.model import Interval, Phase, PhaseTime, Timeline


class Stopwatch:
    """Runs from its construction (the declaration of the disaster) until ``stop``; one phase at a time.

    Readings are monotonic and exact (whole microseconds), so the parts add up to the total by construction.
    """

    def __init__(self, clock: Clock, phase: Phase | None = Phase.DECLARE) -> None:
        self._clock = clock
        self._origin = clock.monotonic()
        self._since = timedelta()
        self._phase = phase
        self._intervals: dict[Phase, list[Interval]] = {}
        self._unattributed = timedelta()
        self._total: timedelta | None = None

    @property
    def phase(self) -> Phase | None:
        """The phase that time is attributed to now."""
        return self._phase

    def elapsed(self) -> timedelta:
        """Time since the declaration."""
        return self._clock.monotonic() - self._origin if self._total is None else self._total

    def switch(self, phase: Phase | None) -> None:
        """End the current phase and begin ``phase``; None begins unattributed time."""
        if self._total is not None or phase is self._phase:
            return
        self._book(self.elapsed())
        self._phase = phase

    def stop(self) -> Timeline:
        """End the measurement (again and again the same one) and return where the time went."""
        if self._total is None:
            end = self.elapsed()
            self._book(end)
            self._total = end
        return self.timeline(self._total)

    def timeline(self, total: timedelta) -> Timeline:
        """Return the phases in their order; raises ArithmeticError if they don't add up within 1 %."""
        phases = tuple(PhaseTime(phase, tuple(self._intervals[phase])) for phase in Phase if phase in self._intervals)
        timeline = Timeline(phases=phases, unattributed=self._unattributed, total=total)
        if not timeline.accounted():
            raise ArithmeticError(f"phases and unattributed time don't add up to {total}: {timeline}")
        return timeline

    def _book(self, end: timedelta) -> None:
        if self._phase is None:
            self._unattributed += end - self._since
        elif end > self._since:
            self._intervals.setdefault(self._phase, []).append(Interval(self._since, end))
        self._since = end
