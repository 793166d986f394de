"""A group goes back as a whole, when it is named, and to a set that is whole."""

from datetime import timedelta

import pytest
from tests.unit.machines.snapshots.fake import FakeProvider, group, nothing
from tests.unit.world import FakeClock

from drillbook.errors import ConfigurationError, InfrastructureError, RefusedError
from drillbook.machines.snapshots import (
    GroupSnapshots,
    Limits,
    chosen,
    decide,
    go_back,
    prune_snapshots,
    refuse_to_go_back,
)
from drillbook.model import Quiesce, Retention

LIMITS = Limits(workers=1, timeout=timedelta(seconds=5))


def world(count: int = 1, **options: float) -> tuple[FakeProvider, GroupSnapshots]:
    provider, clock = FakeProvider(**options), FakeClock()  # type: ignore[arg-type]  # only floats are given
    snapshots = GroupSnapshots(
        provider, clock, LIMITS, guard=nothing, hook=lambda: nothing(None), tell=lambda _line: None
    )
    for _ in range(count):
        snapshots.create(group(), provider.find(group().hosts))
        clock.pass_seconds(3600)
        provider.now += timedelta(hours=1)
    return provider, snapshots


def test_it_goes_back_and_starts_stage_by_stage() -> None:
    provider, snapshots = world()
    machines = provider.find(group().hosts)
    wanted = chosen(snapshots.sets(group(), machines), None, group="shop", now=provider.now)
    refuse_to_go_back(group(), wanted, machines, "shop")
    provider.events.clear()
    go_back(provider, group(), wanted, machines, LIMITS, snapshots.locks(group()), lambda _line: None)
    assert [verb for verb, _host in provider.events] == ["go_back"] * 3 + ["start"] * 3
    assert [host for verb, host in provider.events if verb == "start"] == ["db", "web1", "web2"]


@pytest.mark.parametrize(
    ("ram", "quiesce", "verbs"),
    [
        (True, Quiesce.HOOK, ["go_back"] * 3 + ["thaw"] * 3 + ["start"] * 3),
        (True, Quiesce.NONE, ["go_back"] * 3 + ["start"] * 3),
        (False, Quiesce.AGENT, ["go_back"] * 3 + ["start"] * 3),
    ],
)
def test_only_memory_of_members_at_rest_is_thawed(ram: bool, quiesce: Quiesce, verbs: list[str]) -> None:
    provider, snapshots = world(0)
    taken = group(ram=ram, quiesce=quiesce)
    machines = provider.find(taken.hosts)
    wanted = snapshots.create(taken, machines)
    provider.events.clear()
    provider.fail.add(("thaw", "web1"))
    said: list[str] = []
    go_back(provider, taken, wanted, machines, LIMITS, snapshots.locks(taken), said.append)
    assert [verb for verb, _host in provider.events] == verbs
    assert [line.split(" ")[0] for line in said if "may still be frozen" in line] == ["web1"] * ("thaw" in verbs)


def test_nothing_starts_while_a_member_is_not_back() -> None:
    provider, snapshots = world()
    machines = provider.find(group().hosts)
    (wanted,) = snapshots.sets(group(), machines)
    provider.fail.add(("go_back", "web1"))
    with pytest.raises(InfrastructureError, match=r"going back to .* failed for 1 of 3 machines: web1"):
        go_back(provider, group(), wanted, machines, LIMITS, snapshots.locks(group()), lambda _line: None)
    assert ("start", "db") not in provider.events


@pytest.mark.parametrize(
    ("options", "confirm", "members", "message"),
    [
        ({}, "", ("db", "web1", "web2"), "what came later is lost"),
        ({}, "shops", ("db", "web1", "web2"), "what came later is lost"),
        ({"seconds_each": 60}, "shop", ("db", "web1", "web2"), "the set is torn"),
        ({}, "shop", ("db", "web1", "web2", "web3"), "web3 came into the group later"),
    ],
)
def test_refusals(options: dict[str, float], confirm: str, members: tuple[str, ...], message: str) -> None:
    provider, snapshots = world(**options)
    wider = group(members)
    machines = provider.find(wider.hosts)
    (wanted,) = snapshots.sets(wider, machines)
    with pytest.raises(RefusedError, match=message):
        refuse_to_go_back(wider, wanted, machines, confirm)


def test_an_unknown_set_is_refused_with_those_that_there_are() -> None:
    provider, snapshots = world()
    sets = snapshots.sets(group(), provider.find(group().hosts))
    with pytest.raises(ConfigurationError, match="drillbook-20260131T120000Z"):
        chosen(sets, "other", group="shop", now=provider.now)


def test_pruning_removes_what_no_rule_keeps_and_goes_on_after_a_failure() -> None:
    provider, snapshots = world(count=3)
    machines = provider.find(group().hosts)
    decisions = decide(snapshots.sets(group(), machines), Retention(last=1), provider.now)
    provider.fail.add(("remove", "web2"))
    with pytest.raises(InfrastructureError, match="web2"):
        prune_snapshots(provider, group(), decisions, machines, LIMITS, snapshots.locks(group()), lambda _line: None)
    provider.fail.clear()
    decisions = decide(snapshots.sets(group(), machines), Retention(last=1), provider.now)
    prune_snapshots(provider, group(), decisions, machines, LIMITS, snapshots.locks(group()), lambda _line: None)
    assert {entry.name for entry in provider.kept} == {"drillbook-20260131T140000Z"}


def test_a_set_that_is_dated_into_the_future_is_no_newest_one_and_can_be_named() -> None:
    provider, snapshots = world(count=2)
    sets = snapshots.sets(group(), provider.find(group().hosts))
    before = sets[1].taken_at - timedelta(minutes=30)
    assert chosen(sets, None, group="shop", now=provider.now).name == sets[1].name
    assert chosen(sets, None, group="shop", now=before).name == sets[0].name
    assert chosen(sets, sets[1].name, group="shop", now=before).name == sets[1].name
