"""Waits until something is so: each provider asks in its own words, and none waits for ever."""

from collections.abc import Callable
from datetime import timedelta
from typing import Literal, TypeVar

from drillbook.clock import Clock

_SLOWER = 1.5
_Value = TypeVar("_Value")


def wait_until(
    clock: Clock,
    done: Callable[[], _Value | Literal[False] | None],
    *,
    deadline: timedelta,
    every: timedelta,
    late: Exception | Callable[[], Exception],
    slowest: timedelta | None = None,
) -> _Value:
    """Ask ``done`` at once and after each pause; return the first answer that is neither None nor False.

    ``deadline`` is a reading of ``clock.monotonic()``. It is asked once more at that time, and then ``late`` is raised, or the error
    that it makes by then. What ``done`` or the clock raises ends the wait. With ``slowest`` the pauses grow from ``every`` to that.
    """
    pause = every
    while True:
        found = done()
        if found is not None and found is not False:
            return found
        left = deadline - clock.monotonic()
        if left <= timedelta():
            raise late if isinstance(late, Exception) else late()
        clock.sleep(min(pause, left))
        if slowest is not None:
            pause = min(pause * _SLOWER, slowest)
