"""Reasons to end a run early: its deadline, and the signals that ask us to end."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from types import FrameType

from drillbook.ansible import StoppedError
from drillbook.clock import Clock

_GLANCE = timedelta(seconds=1)
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stops:
    """Remembers the first reason; the run asks for it wherever it may end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._deadline: timedelta | None = None
        self._length = timedelta()
        self._signal: int | None = None

    def begin(self, length: timedelta) -> None:
        """Start the deadline."""
        self._length = length
        self._deadline = self._clock.monotonic() + length

    def reason(self) -> str | None:
        """Say why the run must end now; None if it need not."""
        if self._signal is not None:
            return f"ended by {signal.Signals(self._signal).name}"
        if self._deadline is not None and self._clock.monotonic() >= self._deadline:
            return f"the run's deadline of {self._length.total_seconds():.0f} s has passed"
        return None

    def raise_if_due(self, where: str) -> None:
        """Raise StoppedError if there is a reason to end."""
        reason = self.reason()
        if reason is not None:
            raise StoppedError(reason, where=where, remedy="Run it again when nothing ends it early.")

    def notice(self, number: int, _frame: FrameType | None = None) -> None:
        """Signal handler: remember it, so that the record is closed and the teardown done in the ordinary way; and say that it came."""
        if self._signal is None:
            self._signal = number
            name = signal.Signals(number).name
            with suppress(OSError):  # nobody may be listening any more
                os.write(2, f"drillbook: {name}: ending in the ordinary way, with teardown and record\n".encode())

    @contextmanager
    def catching_signals(self) -> Iterator[None]:
        """Have SIGTERM, SIGINT and SIGHUP noticed instead of killing us, for the length of the block."""
        before = {number: signal.signal(number, self.notice) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class StoppableClock:
    """A clock whose waits end, with StoppedError, when the run must end: so nothing that polls outlives it."""

    def __init__(self, clock: Clock, stops: Stops) -> None:
        self._clock = clock
        self._stops = stops
        self.monotonic = clock.monotonic
        self.now = clock.now

    def sleep(self, duration: timedelta) -> None:
        """Wait, a second at a time."""
        until = self._clock.monotonic() + duration
        while (left := until - self._clock.monotonic()) > timedelta():
            self._stops.raise_if_due("waiting for a provider")
            self._clock.sleep(min(left, _GLANCE))
        self._stops.raise_if_due("waiting for a provider")
