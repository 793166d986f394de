"""A run ends for its deadline or for a signal, and says which."""

import os
import signal
from datetime import timedelta

import pytest
from tests.unit.world import FakeClock

from drillbook.ansible import StoppedError
from drillbook.run.stops import Stops


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_are_noticed_and_handlers_given_back(clock: FakeClock, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    stops = Stops(clock)
    with stops.catching_signals():
        assert stops.reason() is None
        os.kill(os.getpid(), number)
        assert stops.reason() == f"ended by {number.name}"
        with pytest.raises(StoppedError, match=number.name):
            stops.raise_if_due("a test")
    assert signal.getsignal(number) is before


def test_deadline_counts_from_its_beginning(clock: FakeClock) -> None:
    stops = Stops(clock)
    clock.pass_seconds(100)
    stops.begin(timedelta(seconds=10))
    clock.pass_seconds(9)
    assert stops.reason() is None
    clock.pass_seconds(1)
    assert "deadline of 10 s" in (stops.reason() or "")
