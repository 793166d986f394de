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


def test_a_signal_is_acknowledged_at_once_and_only_once(clock: FakeClock, capfd: pytest.CaptureFixture[str]) -> None:
    """The step that runs may take minutes to end: who pressed Ctrl-C must not press it again and again."""
    stops = Stops(clock)
    stops.notice(signal.SIGINT)
    stops.notice(signal.SIGINT)
    assert capfd.readouterr().err == "drillbook: SIGINT: ending in the ordinary way, with teardown and record\n"
