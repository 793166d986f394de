"""One suite for all providers: what `Snapshots` promises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from drillbook.errors import ConfigurationError, DrillbookError
from drillbook.machines.snapshots import thaw_machine
from drillbook.model import Quiesce
from drillbook.providers import LateSnapshots, LockExplaining

if TYPE_CHECKING:
    from tests.contract.providers.world import World

LIMIT = timedelta(seconds=20)


def test_machines_are_found_by_name_in_the_order_asked_for(world: World) -> None:
    found = world.snapshots.find(("shop-web1", "shop-db"))
    assert [machine.host for machine in found] == ["shop-web1", "shop-db"]
    assert len({machine.identifier for machine in found}) == 2
    assert all(machine.place for machine in found)


def test_what_nothing_holds_is_not_locked(world: World) -> None:
    (machine,) = world.snapshots.find(("shop-db",))
    assert machine.lock == ""
    assert not isinstance(world.snapshots, LockExplaining) or world.snapshots.explain_lock(machine)


def test_an_unknown_name_is_refused_by_name(world: World) -> None:
    with pytest.raises(ConfigurationError, match="shop-web9"):
        world.snapshots.find((*world.hosts, "shop-web9"))


def test_a_name_that_two_machines_have_is_refused(world: World) -> None:
    world.twin("shop-web1")
    with pytest.raises(ConfigurationError, match=r"shop-web1: 2 "):
        world.snapshots.find(world.hosts)


def test_a_snapshot_is_listed_with_what_was_said_of_it(world: World) -> None:
    began = datetime.now(UTC).replace(microsecond=0)
    machine, other, *_ = world.snapshots.find(world.hosts)
    assert world.snapshots.refusal(machine, ram=False, quiesce=Quiesce.NONE) is None
    world.snapshots.take(machine, "drillbook-one", ram=False, note='{"a": "b"}', timeout=LIMIT)
    if isinstance(world.snapshots, LateSnapshots):
        world.snapshots.complete(machine, "drillbook-one", LIMIT)
    (found,) = world.snapshots.snapshots(machine)
    assert (found.host, found.name, found.ram, found.note) == ("shop-db", "drillbook-one", False, '{"a": "b"}')
    assert began <= found.taken_at <= datetime.now(UTC) + timedelta(seconds=1)
    assert world.snapshots.snapshots(other) == ()


def test_the_disk_goes_back_and_the_machine_starts(world: World) -> None:
    machine, other, *_ = world.snapshots.find(world.hosts)
    world.write(machine, "good")
    world.write(other, "other")
    world.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    world.write(machine, "bad")
    world.snapshots.go_back(machine, "drillbook-one", LIMIT)
    world.snapshots.start(machine, LIMIT)
    world.snapshots.start(machine, LIMIT)
    assert (world.read(machine), world.read(other), world.runs(machine)) == ("good", "other", True)


def test_it_goes_back_as_often_as_it_is_told_to_either_of_two(world: World) -> None:
    (machine,) = world.snapshots.find(("shop-db",))
    for name in ("drillbook-one", "drillbook-two"):
        world.write(machine, name)
        world.snapshots.take(machine, name, ram=False, note="", timeout=LIMIT)
        world.snapshots.go_back(machine, name, LIMIT)
        assert world.read(machine) == name
    for name in ("drillbook-two", "drillbook-one", "drillbook-two"):
        world.snapshots.go_back(machine, name, LIMIT)
        assert world.read(machine) == name
    assert {found.name for found in world.snapshots.snapshots(machine)} == {"drillbook-one", "drillbook-two"}


def test_to_go_back_to_what_is_not_there_is_an_error(world: World) -> None:
    (machine,) = world.snapshots.find(("shop-db",))
    world.write(machine, "good")
    with pytest.raises(DrillbookError, match="drillbook-none"):
        world.snapshots.go_back(machine, "drillbook-none", LIMIT)
    assert world.read(machine) == "good"


def test_a_removed_snapshot_is_gone_and_to_remove_it_again_is_nothing(world: World) -> None:
    (machine,) = world.snapshots.find(("shop-db",))
    for name in ("drillbook-one", "drillbook-two"):
        world.snapshots.take(machine, name, ram=False, note="", timeout=LIMIT)
    for _ in range(2):
        world.snapshots.remove(machine, "drillbook-one", LIMIT)
        assert [found.name for found in world.snapshots.snapshots(machine)] == ["drillbook-two"]


def test_to_thaw_what_is_not_frozen_is_nothing(world: World) -> None:
    (machine,) = world.snapshots.find(("shop-db",))
    thaw_machine(world.snapshots, machine, LIMIT)
    assert world.runs(machine)
