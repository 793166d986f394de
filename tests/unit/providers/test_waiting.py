"""Waiting for what a provider does: until it is so, until it is late, or until the run must end."""

from datetime import timedelta

import pytest
from tests.unit.world import FakeClock

from drillbook.ansible import StoppedError
from drillbook.errors import InfrastructureError
from drillbook.providers.waiting import wait_until
from drillbook.run.stops import StoppableClock, Stops

SECOND = timedelta(seconds=1)
LATE = InfrastructureError("it was not done", where="here", remedy="Look.")


class Watched(FakeClock):
    """Remembers its pauses."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []

    def sleep(self, duration: timedelta) -> None:
        self.pauses.append(duration.total_seconds())
        super().sleep(duration)


def answers(*said: object) -> list[object]:
    """What `done` says, the last first."""
    return list(reversed(said))


@pytest.mark.parametrize("found", ["there", 0, "", ()])
def test_it_returns_what_was_found_also_where_that_is_empty(found: object) -> None:
    clock, said = Watched(), answers(None, False, found)
    assert wait_until(clock, said.pop, deadline=clock.monotonic() + SECOND * 9, every=SECOND, late=LATE) == found
    assert clock.pauses == [1, 1]


def test_what_is_so_at_once_is_not_waited_for_even_after_the_deadline() -> None:
    clock = Watched()
    assert wait_until(clock, lambda: True, deadline=clock.monotonic() - SECOND, every=SECOND, late=LATE)
    assert clock.pauses == []


def test_it_is_asked_once_more_at_the_deadline_and_then_is_late() -> None:
    clock, asked = Watched(), list[timedelta]()

    def never() -> bool:
        asked.append(clock.monotonic())
        return False

    deadline = clock.monotonic() + SECOND * 2.5
    with pytest.raises(InfrastructureError) as late:
        wait_until(clock, never, deadline=deadline, every=SECOND, late=LATE)
    assert late.value is LATE
    assert clock.pauses == [1, 1, 0.5]
    assert asked[-1] == deadline


def test_the_error_is_made_when_it_is_late_and_so_can_say_what_was_seen_last() -> None:
    clock, seen = Watched(), list[int]()

    def count() -> None:
        seen.append(len(seen))

    with pytest.raises(ValueError, match="seen 3 times"):
        wait_until(
            clock,
            count,
            deadline=clock.monotonic() + SECOND * 2,
            every=SECOND,
            late=lambda: ValueError(f"seen {len(seen)} times"),
        )


def test_the_pauses_grow_to_the_slowest() -> None:
    clock, said = Watched(), answers(None, None, None, None, "there")
    wait_until(clock, said.pop, deadline=clock.monotonic() + SECOND * 60, every=SECOND, late=LATE, slowest=SECOND * 2)
    assert clock.pauses == [1, 1.5, 2, 2]


def test_an_error_of_what_is_asked_ends_the_wait() -> None:
    clock = Watched()

    def broken() -> bool:
        raise InfrastructureError("it failed", where="there", remedy="Mend it.")

    with pytest.raises(InfrastructureError, match="it failed"):
        wait_until(clock, broken, deadline=clock.monotonic() + SECOND, every=SECOND, late=LATE)
    assert clock.pauses == []


def test_a_run_that_must_end_ends_the_wait() -> None:
    clock = Watched()
    stops = Stops(clock)
    stops.begin(SECOND * 3)
    with pytest.raises(StoppedError, match="deadline of 3 s"):
        wait_until(
            StoppableClock(clock, stops),
            lambda: None,
            deadline=clock.monotonic() + SECOND * 600,
            every=SECOND * 10,
            late=LATE,
        )
    assert sum(clock.pauses) == 3
