"""A set is all of its members or nothing, and says itself whether it is whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from tests.unit.machines.snapshots.fake import START, FakeProvider, PlainProvider, group, nothing
from tests.unit.world import FakeClock

from drillbook.errors import InfrastructureError, LeftoversError, RefusedError
from drillbook.machines.snapshots import GroupSnapshots, Limits, SetState, SnapshotSet
from drillbook.model import MachineGroup, Power, Quiesce, Snapshot


def snapshots(provider: FakeProvider | PlainProvider) -> GroupSnapshots:
    limits = Limits(workers=1, timeout=timedelta(seconds=5))
    return GroupSnapshots(
        provider,
        FakeClock(),
        limits,
        guard=nothing,
        hook=lambda: service_at_rest(provider) if isinstance(provider, FakeProvider) else nothing(None),
        tell=lambda _line: None,
    )


@contextmanager
def service_at_rest(provider: FakeProvider) -> Iterator[None]:
    provider.events.append(("quiesce", "service"))
    try:
        yield
    finally:
        provider.events.append(("resume", "service"))


def create(provider: FakeProvider, wanted: MachineGroup) -> SnapshotSet:
    return snapshots(provider).create(wanted, provider.find(wanted.hosts))


def verbs(provider: FakeProvider, verb: str) -> list[str]:
    return [host for said, host in provider.events if said == verb]


def test_members_are_taken_stage_by_stage_under_one_name() -> None:
    provider = FakeProvider()
    made = create(provider, group())
    assert verbs(provider, "take") == ["db", "web1", "web2"]
    assert (made.state, made.name, made.spread) == (SetState.WHOLE, "drillbook-20260131T120000Z", timedelta(seconds=2))


def test_a_set_that_took_longer_than_its_window_is_torn() -> None:
    made = create(FakeProvider(seconds_each=10), group(window=5))
    assert made.state is SetState.TORN
    assert "20 s between its first and its last snapshot, 5 s are allowed" in made.why


def test_at_rest_the_window_does_not_matter() -> None:
    made = create(FakeProvider(seconds_each=10), group(window=5, quiesce=Quiesce.AGENT))
    assert (made.state, made.quiesced) == (SetState.WHOLE, True)


def test_all_are_at_rest_before_the_first_is_taken_and_until_the_last_one_is() -> None:
    provider = FakeProvider()
    create(provider, group(quiesce=Quiesce.AGENT))
    assert [verb for verb, _host in provider.events] == ["freeze"] * 3 + ["take"] * 3 + ["thaw"] * 3 + ["complete"] * 3


def test_a_provider_whose_snapshots_are_complete_at_once_is_not_asked_to_complete_them() -> None:
    provider = FakeProvider()
    assert snapshots(PlainProvider(provider)).create(group(ram=True), provider.find(group().hosts)).good
    assert provider.events == [("take", "db"), ("take", "web1"), ("take", "web2")]


def test_a_provider_that_freezes_nothing_takes_no_set_of_machines_at_rest() -> None:
    provider = FakeProvider()
    wanted = group(quiesce=Quiesce.AGENT)
    with pytest.raises(InfrastructureError, match="freezing failed for 3 of 3 machines: db: its provider can't bring"):
        snapshots(PlainProvider(provider)).create(wanted, provider.find(wanted.hosts))
    assert (provider.events, provider.kept) == ([], [])


@pytest.mark.parametrize("shown", [Power.STOPPED, Power.UNKNOWN])
def test_one_that_was_not_shown_running_is_looked_at_again_and_frozen_if_it_runs(shown: Power) -> None:
    provider = FakeProvider(shown={"web1": shown, "web2": shown}, present={"web2": Power.STOPPED})
    create(provider, group(quiesce=Quiesce.AGENT))
    assert verbs(provider, "look_again") == ["web1", "web2"]
    assert verbs(provider, "freeze") == verbs(provider, "thaw") == ["db", "web1"]
    assert verbs(provider, "take") == ["db", "web1", "web2"]


@pytest.mark.parametrize(("wanted", "looks"), [(group(), 0), (group(quiesce=Quiesce.HOOK), 0), (group(ram=True), 1)])
def test_it_is_looked_at_again_only_where_that_matters(wanted: MachineGroup, looks: int) -> None:
    provider = FakeProvider(shown={"web1": Power.STOPPED})
    create(provider, wanted)
    assert len(verbs(provider, "look_again")) == looks


def test_nobody_is_frozen_where_one_can_not_be_looked_at_again() -> None:
    provider = FakeProvider(shown={"web1": Power.UNKNOWN}, fail={("look_again", "web1")})
    with pytest.raises(InfrastructureError, match="web1: look_again fails"):
        create(provider, group(quiesce=Quiesce.AGENT))
    assert provider.events == [("look_again", "web1")]


def test_with_a_hook_the_service_is_at_rest_and_no_machine_is_frozen() -> None:
    provider = FakeProvider(seconds_each=10)
    made = create(provider, group(window=5, quiesce=Quiesce.HOOK))
    assert [verb for verb, _host in provider.events] == ["quiesce"] + ["take"] * 3 + ["resume"] + ["complete"] * 3
    assert (made.state, made.quiesced) == (SetState.WHOLE, True)


def test_with_a_hook_the_service_goes_on_when_a_member_fails_and_before_its_part_is_removed() -> None:
    provider = FakeProvider(fail={("take", "web1")})
    with pytest.raises(InfrastructureError, match="web1"):
        create(provider, group(quiesce=Quiesce.HOOK))
    order = [verb for verb, _host in provider.events]
    assert order[0] == "quiesce"
    assert order.index("resume") < order.index("remove")
    assert provider.kept == []


@pytest.mark.parametrize("quiesce", list(Quiesce))
def test_one_that_is_never_completed_takes_the_set_with_it_after_all_go_on(quiesce: Quiesce) -> None:
    provider = FakeProvider(fail={("complete", "web1")})
    with pytest.raises(InfrastructureError, match=r"completing drillbook-.* failed for 1 of 3 machines: web1"):
        create(provider, group(quiesce=quiesce))
    order = [verb for verb, _host in provider.events]
    assert order[-6:] == ["complete"] * 3 + ["remove"] * 3
    assert provider.kept == []


@pytest.mark.parametrize("failing", [("freeze", "web1"), ("take", "web2")])
def test_whatever_fails_all_go_on_and_nothing_is_left(failing: tuple[str, str]) -> None:
    provider = FakeProvider(fail={failing})
    with pytest.raises(InfrastructureError, match=failing[1]):
        create(provider, group(quiesce=Quiesce.AGENT))
    assert sorted(verbs(provider, "thaw")) == ["db", "web1", "web2"]
    assert provider.kept == []


def test_snapshots_that_somebody_else_took_under_the_name_stay() -> None:
    """Also that of a machine whose turn had not come when another one said so."""
    foreign = [Snapshot(host, "drillbook-20260131T120000Z", START, False, "theirs") for host in ("web1", "mail")]
    provider = FakeProvider(hosts=("db", "web1", "mail"), kept=list(foreign))
    with pytest.raises(InfrastructureError, match=r"web1: .* is already used"):
        create(provider, group(("db",), ("web1",), ("mail",)))
    assert provider.kept == foreign
    assert verbs(provider, "remove") == ["db"]


def test_what_can_not_be_removed_again_is_named() -> None:
    provider = FakeProvider(fail={("take", "web2"), ("remove", "db")})
    with pytest.raises(LeftoversError, match="still on db"):
        create(provider, group())


def test_a_member_that_can_not_be_thawed_is_named() -> None:
    provider = FakeProvider(fail={("thaw", "web1")})
    with pytest.raises(InfrastructureError, match="thawing failed for 1 of 3 machines: web1"):
        create(provider, group(quiesce=Quiesce.AGENT))


def test_nothing_is_touched_where_one_member_can_not_be_snapshotted() -> None:
    provider = FakeProvider(refusals={"web1": "it is locked (backup)"})
    with pytest.raises(RefusedError, match=r"1 of 3 .* web1: it is locked \(backup\)"):
        create(provider, group(quiesce=Quiesce.AGENT))
    assert provider.events == []
