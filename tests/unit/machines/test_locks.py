"""What something else holds is waited for: nobody is at rest and nothing taken meanwhile, and the set is whole or none."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.unit.machines.snapshots.fake import FakeProvider, PlainProvider, group, nothing
from tests.unit.world import FakeClock

from drillbook.errors import (
    ConfigurationError,
    InfrastructureError,
    LeftoversError,
    LockedError,
    RefusedError,
    UnknownOutcomeError,
)
from drillbook.machines.locks import SLOWEST_LOOK, Locks
from drillbook.machines.snapshots import (
    GroupSnapshots,
    Limits,
    chosen,
    decide,
    free_to_go_back,
    go_back,
    prune_snapshots,
)
from drillbook.model import Quiesce, Retention

if TYPE_CHECKING:
    from collections.abc import Callable

    from drillbook.machines.snapshots import SnapshotSet
    from drillbook.model import Machine, MachineGroup

LIMITS = Limits(workers=1, timeout=timedelta(seconds=5))
FOR_EVER = 10**6
SHOP = group(quiesce=Quiesce.AGENT)


class Clock(FakeClock):
    """Does something at each sleep."""

    act: Callable[[], None] = staticmethod(lambda: None)

    def sleep(self, duration: timedelta) -> None:
        super().sleep(duration)
        self.act()

    @property
    def waited(self) -> float:
        return (self.passed - FakeClock().passed).total_seconds()


class World:
    def __init__(self, **options: object) -> None:
        self.provider = FakeProvider(**options)  # type: ignore[arg-type]  # fields of it
        self.clock, self.said = Clock(), list[str]()
        self.snapshots = GroupSnapshots(
            self.provider, self.clock, LIMITS, guard=nothing, hook=lambda: nothing(None), tell=self.said.append
        )

    def create(self, wanted: MachineGroup = SHOP) -> SnapshotSet:
        return self.snapshots.create(wanted, self.provider.find(wanted.hosts))

    def before_the_last_look(self) -> list[str]:
        return [verb for verb, _host in self.provider.events[: self.provider.looks[-1]]]


def test_a_lock_is_waited_for_before_anybody_is_at_rest_and_the_set_is_whole() -> None:
    world = World(held={"web1": 3})
    made = world.create()
    assert (made.good, [one.host for one in made.snapshots]) == (True, ["db", "web1", "web2"])
    assert world.before_the_last_look() == []
    assert (len(world.provider.looks), world.clock.waited) == (4, 2 + 3 + 4.5)
    assert made.name == "drillbook-20260131T120009Z", "it has the time at which it was taken"
    assert world.said[0] == "waiting at most 600 s for what holds web1 (backup)"


def test_several_are_waited_for_until_the_last_one_is_free() -> None:
    world = World(held={"db": 2, "web2": 4})
    assert world.create().good
    assert world.before_the_last_look() == []
    assert world.said[:2] == [
        "waiting at most 600 s for what holds db (backup), web2 (backup)",
        "waiting at most 595 s for what holds web2 (backup)",
    ]


def test_what_is_never_released_is_named_with_who_holds_it_and_nothing_is_made() -> None:
    world = World(held={"db": FOR_EVER, "web1": FOR_EVER})
    with pytest.raises(LockedError) as caught:
        world.create()
    said = str(caught.value)
    assert "still locked after 600 s of waiting, since 2026-01-31T12:00:00.000Z: db (backup), web1 (backup)." in said
    assert "db: task 7 holds db; web1: task 7 holds web1" in said
    assert "drillbook_machines.lock_wait_seconds" in said
    assert caught.value.exit_code == 3
    assert (world.provider.events, world.provider.kept, world.clock.waited) == ([], [], 600)
    assert 600 / SLOWEST_LOOK.total_seconds() < len(world.provider.looks) < 30


def test_what_a_provider_without_locks_shows_as_locked_is_told_to_be_held_by_nothing() -> None:
    plain = PlainProvider(FakeProvider(held={"db": FOR_EVER}))
    locks = Locks(plain, Clock(), group(lock_wait=1), workers=1, tell=lambda _line: None)
    with pytest.raises(LockedError, match="db: nothing holds it"):
        locks.free(plain.find(("db",)))


def test_where_nobody_says_who_holds_it_the_lock_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(held={"db": FOR_EVER})

    def silent(_machine: Machine) -> str:
        raise InfrastructureError("the node does not answer", where="pve1", remedy="See that it is up.")

    monkeypatch.setattr(world.provider, "explain_lock", silent)
    with pytest.raises(
        LockedError, match=r"db \(backup\)\. db: who holds it can't be told \(the node does not answer\)"
    ):
        world.create()


def test_without_time_to_wait_it_is_refused_at_once() -> None:
    world = World(held={"web1": 1})
    with pytest.raises(RefusedError, match=r"web1: it is locked \(backup\)"):
        world.create(group(lock_wait=0))
    assert (world.provider.events, len(world.provider.looks), world.clock.waited) == ([], 1, 0)


def test_what_can_not_be_taken_anyway_is_not_waited_for() -> None:
    world = World(held={"web1": FOR_EVER}, refusals={"web2": "no storage with snapshots"})
    with pytest.raises(RefusedError, match="web2: no storage with snapshots"):
        world.create()
    assert world.clock.waited == 0


def test_after_a_wait_it_is_taken_where_it_is_then_and_asked_again_whether_it_can_be() -> None:
    world = World(held={"web1": 2})
    world.clock.act = lambda: world.provider.places.update(web1="pve2")
    assert world.create().good
    assert world.provider.taken_on == [("db", "pve1"), ("web1", "pve2"), ("web2", "pve1")]
    world.provider.held["web1"] = 2
    world.clock.act = lambda: world.provider.refusals.update(web1="no storage with snapshots")
    world.provider.events.clear()
    with pytest.raises(RefusedError, match="web1: no storage with snapshots"):
        world.create()
    assert world.provider.events == []


def test_an_answer_that_does_not_come_is_no_end_of_the_wait() -> None:
    world = World(held={"web1": 2})
    away = InfrastructureError("the node does not answer", where="pve1", remedy="See that it is up.")
    errors = [away, None]
    world.clock.act = lambda: setattr(world.provider, "error", errors.pop(0) if errors else None)
    assert world.create().good
    assert any("the node does not answer" in line for line in world.said)


def test_one_that_is_gone_is_not_waited_for() -> None:
    world = World(held={"web1": FOR_EVER})
    gone = ConfigurationError("web1: no machine", where="cluster", remedy="Nothing.")
    world.clock.act = lambda: setattr(world.provider, "error", gone)
    with pytest.raises(ConfigurationError, match="web1: no machine"):
        world.create()
    assert world.provider.events == []


def test_whoever_waits_can_be_interrupted() -> None:
    world = World(held={"web1": FOR_EVER})

    def interrupt() -> None:
        raise KeyboardInterrupt

    world.clock.act = interrupt
    with pytest.raises(KeyboardInterrupt):
        world.create()
    assert world.provider.events == []


def test_a_lock_that_comes_late_undoes_the_set_which_is_taken_again() -> None:
    world = World(late={("take", "web2"): 1})
    made = world.create()
    assert made.good
    assert {one.name for one in world.provider.kept} == {made.name}
    first = ["freeze"] * 3 + ["take"] * 3 + ["thaw"] * 3 + ["remove"] * 3
    assert world.before_the_last_look() == first, "nobody is at rest, and nothing of it there, when it is waited for"
    assert "drillbook-20260131T120000Z is undone: a lock came between" in world.said


def test_a_lock_that_comes_late_and_stays_leaves_nothing() -> None:
    world = World(late={("take", "web2"): FOR_EVER})
    with pytest.raises(LockedError, match=r"failed for 1 of 2 machines: web2: VM is locked \(backup\)"):
        world.create()
    assert (world.provider.kept, world.clock.waited) == ([], 600)
    world = World(late={("take", "web2"): FOR_EVER})
    with pytest.raises(LockedError):
        world.create(group(lock_wait=0))
    assert (world.provider.kept, world.clock.waited) == ([], 0)


def test_what_failed_otherwise_is_not_taken_again() -> None:
    world = World(late={("take", "web1"): 1}, fail={("take", "web2")})
    with pytest.raises(InfrastructureError, match="failed for 2 of 2 machines") as caught:
        world.create()
    assert not isinstance(caught.value, LockedError)
    assert [verb for verb, _host in world.provider.events].count("take") == 3


def test_what_may_have_been_done_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world, asked = World(), list[str]()

    def cut(machine: Machine, *_arguments: object, **_options: object) -> None:
        asked.append(machine.host)
        raise UnknownOutcomeError("cut off", where=machine.host, remedy="Look.")

    monkeypatch.setattr(world.provider, "take", cut)
    with pytest.raises(InfrastructureError, match="cut off"):
        world.create()
    assert asked == ["db"]


def test_what_is_removed_again_is_waited_for_too() -> None:
    world = World(fail={("take", "web2")}, late={("remove", "db"): 2})
    with pytest.raises(InfrastructureError, match="take fails"):
        world.create()
    assert (world.provider.kept, world.clock.waited) == ([], 2 + 3)
    world = World(fail={("take", "web2")}, late={("remove", "db"): FOR_EVER})
    with pytest.raises(LeftoversError, match="still on db"):
        world.create()
    assert world.clock.waited == 600


def test_pruning_waits_before_it_removes_anything() -> None:
    world = World()
    for _ in range(3):
        world.create()
        world.clock.pass_seconds(60)
        world.provider.now += timedelta(minutes=1)

    def pruned(retention: Retention) -> None:
        machines = world.provider.find(SHOP.hosts)
        decisions = decide(world.snapshots.sets(SHOP, machines), retention, world.provider.now)
        locks = world.snapshots.locks(SHOP)
        prune_snapshots(world.provider, SHOP, decisions, machines, LIMITS, locks, lambda _line: None)

    world.provider.events.clear()
    world.provider.held = {"web2": FOR_EVER}
    with pytest.raises(LockedError, match=r"web2 \(backup\)"):
        pruned(Retention(last=1))
    assert world.provider.events == []
    pruned(Retention(last=3))
    assert world.provider.events == [], "where nothing goes nothing is waited for"
    world.provider.held, world.provider.late = {"web2": 2}, {("remove", "db"): 1}
    pruned(Retention(last=1))
    assert len(world.provider.kept) == 3
    assert [host for _verb, host in world.provider.events].count("db") == 3


def back(world: World, wanted: SnapshotSet, confirm: str = "shop") -> None:
    machines, locks = world.provider.find(SHOP.hosts), world.snapshots.locks(SHOP)
    wanted, machines = free_to_go_back(world.snapshots, SHOP, wanted, machines, locks, confirm)
    go_back(world.provider, SHOP, wanted, machines, LIMITS, locks, lambda _line: None)


def test_going_back_waits_for_who_is_locked_before_and_meanwhile() -> None:
    world = World()
    wanted = world.create()
    world.provider.events.clear()
    world.provider.held, world.provider.late = {"web1": 2}, {("go_back", "db"): 1, ("start", "web2"): 1}
    back(world, wanted)
    went = [event for event in world.provider.events if event[0] == "go_back"]
    assert went == [("go_back", "db"), ("go_back", "web1"), ("go_back", "web2"), ("go_back", "db")]
    assert [host for verb, host in world.provider.events if verb == "start"] == ["db", "web1", "web2", "web2"]


def test_what_is_not_confirmed_is_not_waited_for() -> None:
    world = World()
    wanted, before = world.create(), world.clock.waited
    world.provider.held = {"web1": FOR_EVER}
    with pytest.raises(RefusedError, match="what came later is lost"):
        back(world, wanted, confirm="")
    assert world.clock.waited == before


def test_a_set_that_is_not_whole_any_more_after_the_wait_is_refused() -> None:
    world = World()
    world.create()
    wanted = chosen(
        world.snapshots.sets(SHOP, world.provider.find(SHOP.hosts)), None, group="shop", now=world.provider.now
    )
    world.provider.events.clear()
    world.provider.held = {"web1": 3}
    world.clock.act = world.provider.kept.clear
    with pytest.raises(ConfigurationError, match="there is no set"):
        back(world, wanted)
    assert world.provider.events == []
