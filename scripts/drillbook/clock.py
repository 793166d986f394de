"""The clock that the package is given: elapsed time is monotonic, wall time only labels."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Two readings that are never mixed."""

    def monotonic(self) -> timedelta:
        """Time since an arbitrary start; only differences mean something. Steps of the wall clock don't touch it."""
        ...

    def now(self) -> datetime:
        """Wall time, aware, UTC: for labels and for comparison with what servers wrote, never for durations."""
        ...

    def sleep(self, duration: timedelta) -> None:
        """Wait."""
        ...


class SystemClock:
    """The clock of this machine."""

    def monotonic(self) -> timedelta:
        """Time since boot by CLOCK_MONOTONIC."""
        return timedelta(seconds=time.monotonic())

    def now(self) -> datetime:
        """Wall time in UTC."""
        return datetime.now(UTC)

    def sleep(self, duration: timedelta) -> None:
        """Block this thread for ``duration``."""
        time.sleep(max(0.0, duration.total_seconds()))
