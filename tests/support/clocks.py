"""Clocks for tests of what never comes."""

from datetime import timedelta

from drillbook.clock import SystemClock

_MOMENT = timedelta(milliseconds=20)


class Hurried(SystemClock):
    """Each sleep is a minute, and a moment in truth. What is done between two sleeps takes as long as it takes."""

    slept = timedelta()

    def monotonic(self) -> timedelta:
        return super().monotonic() + self.slept

    def sleep(self, duration: timedelta) -> None:
        self.slept += timedelta(minutes=1)
        super().sleep(min(duration, _MOMENT))
