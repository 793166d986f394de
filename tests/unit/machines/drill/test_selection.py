"""Which backups a drill takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from drillbook.errors import InfrastructureError
from drillbook.machines.drill.selection import choose_backups
from drillbook.model import Backup, MachineGroup, PointRequest, PointType, Quiesce, Retention

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=2)
GROUP = MachineGroup(
    name="shop",
    provider="cluster",
    stages=(("db",), ("web",)),
    quiesce=Quiesce.NONE,
    ram=False,
    window=timedelta(seconds=10),
    retention=Retention(),
    backup=None,
    probes={},
    heartbeat_file="/x",
    hook=None,
)


def backup(host: str, hours: float, size: int | None = 10) -> Backup:
    return Backup(host, f"{host}@{hours:g}", "store", "100", NOON + timedelta(hours=hours), size)


BACKUPS = [backup("db", 0), backup("db", 10), backup("db", 20), backup("web", 4), backup("web", 21), backup("other", 1)]


def names(point: PointRequest, seed: str = "") -> list[str]:
    return [one.identifier for one in choose_backups(BACKUPS, GROUP, point, seed, now=LATER).backups]


def test_latest_is_the_newest_of_each() -> None:
    chosen = choose_backups(BACKUPS, GROUP, PointRequest(), "", now=LATER)
    assert names(PointRequest()) == ["db@20", "web@21"]
    assert (chosen.origin, chosen.spread, chosen.size) == (NOON + timedelta(hours=20), timedelta(hours=1), 20)
    assert chosen.as_json()["target_time"] is None


def test_oldest_is_the_first_moment_with_one_of_each() -> None:
    assert names(PointRequest(PointType.OLDEST)) == ["db@0", "web@4"]


def test_a_time_takes_none_that_is_later() -> None:
    target = "2026-01-31T23:00:00Z"
    assert names(PointRequest(PointType.TIME, target)) == ["db@10", "web@4"]
    assert choose_backups(
        BACKUPS, GROUP, PointRequest(PointType.TIME, target), "", now=LATER
    ).target == NOON + timedelta(hours=11)


def test_a_random_one_is_whole_and_repeatable_and_not_always_the_same() -> None:
    seen = {tuple(names(PointRequest(PointType.RANDOM), seed=str(number))) for number in range(50)}
    assert seen == {("db@0", "web@4"), ("db@10", "web@4"), ("db@20", "web@4"), ("db@20", "web@21")}
    assert names(PointRequest(PointType.RANDOM), seed="7") == names(PointRequest(PointType.RANDOM), seed="7")


def test_what_came_after_the_disaster_is_not_seen() -> None:
    point = PointRequest().ignoring_later_than(NOON + timedelta(hours=20.5))
    assert names(point) == ["db@20", "web@4"]


def test_hosts_without_a_backup_are_named() -> None:
    with pytest.raises(InfrastructureError, match="no backup of web"):
        choose_backups([backup("db", 0)], GROUP, PointRequest(), "", now=LATER)
    with pytest.raises(InfrastructureError, match=r"no backup before 2026-01-31 13:00.* of web"):
        choose_backups(BACKUPS, GROUP, PointRequest(PointType.TIME, "2026-01-31T13:00:00Z"), "", now=LATER)


def test_an_unknown_size_is_not_taken_for_none() -> None:
    assert choose_backups([backup("db", 0, None), backup("web", 0)], GROUP, PointRequest(), "", now=LATER).size is None


def test_what_is_dated_into_the_future_is_never_chosen_and_told() -> None:
    """Its clock was wrong: it may be the oldest of all."""
    wrong = backup("db", 24 * 365)
    chosen = choose_backups([*BACKUPS, wrong], GROUP, PointRequest(), "", now=LATER)
    assert [one.identifier for one in chosen.backups] == ["db@20", "web@21"]
    assert chosen.as_json()["dated_into_the_future"] == ["db@8760"]


def test_a_clock_of_our_own_that_is_wrong_is_told_and_gone_around() -> None:
    """On the bad day a controller whose clock begins in 1970 must not stop the restore for good."""
    with pytest.raises(InfrastructureError, match="all backups of db are dated into the future") as caught:
        choose_backups([backup("db", 8760), backup("web", 0)], GROUP, PointRequest(), "", now=LATER)
    assert "--point time=2027-01-31T12:00:00.000Z" in caught.value.remedy
    named = PointRequest(PointType.TIME, "2027-01-31T12:00:00.000Z")
    chosen = choose_backups([backup("db", 8760), backup("web", 0)], GROUP, named, "", now=LATER)
    assert [one.identifier for one in chosen.backups] == ["db@8760", "web@0"]
