"""Which sets are kept: by rule, and never without the last good one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from tests.unit.machines.snapshots.fake import START, group

from drillbook.machines.snapshots import SetState, decide, note, sets_of
from drillbook.model import Retention, Snapshot

HOUR = timedelta(hours=1)
NOW = START + timedelta(days=1)


def taken(moments: Sequence[datetime], *, torn: Sequence[int] = (), partial: Sequence[int] = ()) -> list[Snapshot]:
    found = []
    for number, moment in enumerate(moments):
        for host in ("db",) if number in partial else ("db", "web1"):
            late = timedelta(seconds=60) if number in torn and host == "web1" else timedelta()
            found.append(Snapshot(host, f"s{number}", moment - late, False, note("shop", members=2, quiesced=False)))
    return found


def kept(snapshots: list[Snapshot], retention: Retention) -> list[str]:
    return [entry.set.name for entry in decide(sets_of(group(("db", "web1")), snapshots), retention, NOW) if entry.kept]


@pytest.mark.parametrize(
    ("retention", "wanted"),
    [
        (Retention(last=3), ["s7", "s8", "s9"]),
        (Retention(last=0, daily=2), ["s8", "s9"]),
        (Retention(last=0, hourly=3), ["s7", "s8", "s9"]),
        (Retention(last=0, weekly=2), ["s3", "s9"]),
        (Retention(last=0, monthly=9), ["s9"]),
        (Retention(last=2, weekly=3), ["s3", "s8", "s9"]),
    ],
)
def test_rules(retention: Retention, wanted: list[str]) -> None:
    """One a day at 12:00 UTC, from Thursday, January 22nd, to Saturday, January 31st; weeks begin on Monday."""
    snapshots = taken([START - timedelta(days=9 - number) for number in range(10)])
    assert kept(snapshots, retention) == wanted


def test_the_newest_whole_set_stays_whatever_the_rules_say() -> None:
    snapshots = taken([START, START + HOUR, START + 2 * HOUR], torn=[1], partial=[2])
    assert kept(snapshots, Retention(last=0)) == ["s0", "s1", "s2"]


def test_a_torn_or_partial_set_pushes_no_good_one_out_and_goes_once_a_good_one_is_newer() -> None:
    moments = [START + number * HOUR for number in range(5)]
    assert kept(taken(moments, torn=[1], partial=[3]), Retention(last=3)) == ["s0", "s2", "s4"]


@pytest.mark.parametrize("retention", [Retention(last=2), Retention(last=1, daily=9, yearly=1)])
def test_a_set_that_is_dated_into_the_future_stays_and_pushes_none_out(retention: Retention) -> None:
    sound = taken([START - 3 * HOUR, START - 2 * HOUR, START - HOUR])
    without = kept(sound, retention)
    (wrong,) = {
        replace(one, name="wrong", taken_at=START + timedelta(days=900)) for one in taken([START]) if one.host == "db"
    }
    assert kept([*sound, wrong, replace(wrong, host="web1")], retention) == [*without, "wrong"]


@pytest.mark.parametrize(
    "odd", ["[" * 50_000, '{"schema": "drillbook.snapshot/1", "group": "shop", "members": "many"}', "[]", "\ud800"]
)
def test_an_odd_note_stops_nobody(odd: str) -> None:
    """Whoever may take snapshots by hand writes there what he likes."""
    snapshots = [*taken([START]), Snapshot("db", "odd", START, False, odd)]
    assert "s0" in kept(snapshots, Retention(last=1))


def test_what_drillbook_did_not_take_is_no_set() -> None:
    foreign = [Snapshot(host, "before-upgrade", START, False, "by hand") for host in ("db", "web1")]
    others = [Snapshot("db", "s1", START, False, note("other", members=1, quiesced=False))]
    assert sets_of(group(("db", "web1")), foreign + others) == ()


def test_a_set_knows_a_member_that_came_later() -> None:
    (found,) = sets_of(group(("db", "web1"), ("web2",)), taken([START]))
    assert (found.state, found.missing) == (SetState.WHOLE, ("web2",))
