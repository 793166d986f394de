"""Every instant belongs to one phase or to none, whatever the order of the plays."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.world import FakeClock

from drillbook.model import Phase
from drillbook.run.stopwatch import Stopwatch

PHASES = st.one_of(st.none(), st.sampled_from(list(Phase)))
MOVES = st.lists(st.tuples(PHASES, st.floats(min_value=0, max_value=5000)), max_size=60)


@given(MOVES)
def test_phases_and_unattributed_are_the_total(moves: list[tuple[Phase | None, float]]) -> None:
    clock = FakeClock()
    watch = Stopwatch(clock)
    began = clock.monotonic()
    for phase, seconds in moves:
        watch.switch(phase)
        clock.pass_seconds(seconds)
    timeline = watch.stop()
    attributed = sum((entry.duration for entry in timeline.phases), timedelta())
    assert attributed + timeline.unattributed == timeline.total == clock.monotonic() - began
    assert timeline.accounted()


@given(MOVES)
def test_intervals_follow_each_other_and_never_overlap(moves: list[tuple[Phase | None, float]]) -> None:
    clock = FakeClock()
    watch = Stopwatch(clock)
    for phase, seconds in moves:
        watch.switch(phase)
        clock.pass_seconds(seconds)
    intervals = sorted(
        (interval for entry in watch.stop().phases for interval in entry.intervals), key=lambda entry: entry.start
    )
    assert all(first.end <= second.start for first, second in pairwise(intervals))
    assert all(interval.duration > timedelta() for interval in intervals)


def test_what_comes_after_stop_does_not_count() -> None:
    clock = FakeClock()
    watch = Stopwatch(clock)
    clock.pass_seconds(3)
    first = watch.stop()
    clock.pass_seconds(3)
    watch.switch(Phase.PROVE)
    assert watch.stop() == first
    assert watch.elapsed() == timedelta(seconds=3)


def test_a_timeline_that_does_not_add_up_is_told() -> None:
    clock = FakeClock()
    watch = Stopwatch(clock)
    clock.pass_seconds(100)
    watch.switch(None)
    with pytest.raises(ArithmeticError, match="don't add up"):
        watch.timeline(timedelta(seconds=102))
