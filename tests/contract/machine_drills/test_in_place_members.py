"""A restore in place of some members of a group, and of what a lost node leaves: the well ones stay as they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.contract.machine_drills.driver import Driver
from tests.contract.machine_drills.test_drill import check, failed
from tests.contract.machine_drills.test_in_place import lose, recoverable, refused
from tests.contract.machine_drills.world import HOSTS
from tests.support.proxmox.state import Volume

from drillbook.errors import RefusedError
from drillbook.model import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.machine_drills.world import DrillWorld

DRIVE = "ceph:vm-101-cloudinit"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[DrillWorld]:
    """And in the end: every request was one that the official schema knows."""
    with recoverable(tmp_path) as made:
        yield made


@pytest.fixture
def driver(world: DrillWorld) -> Driver:
    return Driver(world.inventory())


def test_one_lost_machine_comes_back_alone_and_the_well_one_is_not_touched(world: DrillWorld, driver: Driver) -> None:
    world.write("shop-db", "/etc/later", "written after the backup")
    lose(world, "shop-web1")
    world.control.forget_served()
    outcome = driver.restore(only=("shop-web1",))
    assert failed(outcome) == [], outcome.record
    assert (world.server.state.guests[100].running, world.server.state.guests[101].running) == (True, True)
    assert world.control.read(world.disk(100), "/etc/later", "pve1") is not None
    changed = [one["path"] for one in world.control.served() if one["method"] != "GET"]
    assert [path for path in changed if "/qemu/100" in path] == []
    assert check(outcome, "what stands was named")["actual"] == "gone: shop-web1; left alone: shop-db"
    machines = outcome.record["tracks"][0]["recovery_point"]["chosen"]["machines"]
    assert [one["host"] for one in machines] == ["shop-web1"]


def test_a_member_that_stands_must_be_named_also_alone(world: DrillWorld, driver: Driver) -> None:
    assert "would be lost: shop-web1 (" in refused(world, driver, only=("shop-web1",))
    assert failed(driver.restore("shop-web1", only=("shop-web1",))) == []


def test_a_member_without_backup_does_not_stop_the_others(world: DrillWorld, driver: Driver) -> None:
    for volid in [one.volid for one in world.server.state.volumes.values() if one.archive and one.vmid == 100]:
        del world.server.state.volumes[f"|{volid}"]
    lose(world, "shop-web1")
    assert "there is no backup of shop-db" in refused(world, driver)
    assert failed(driver.restore(only=("shop-web1",))) == []


def test_what_is_confirmed_is_what_is_restored(driver: Driver) -> None:
    with pytest.raises(RefusedError, match=r"replaces shop-web1 of shop \("):
        driver.restore(only=("shop-web1",), confirm="")


@pytest.mark.parametrize(
    ("named", "only", "said"),
    [((), ("other",), "other: no machine of shop"), (("shop-db",), ("shop-web1",), "shop-db: not restored")],
)
def test_names_that_do_not_fit_are_refused(
    driver: Driver, named: tuple[str, ...], only: tuple[str, ...], said: str
) -> None:
    with pytest.raises(RefusedError, match=said):
        driver.restore(*named, only=only)


def on_each_node(world: DrillWorld) -> None:
    """Have the backups lie on a storage that each node has for itself."""
    taker, state = world.taker(), world.server.state
    state.grants += [replace(one, path="/storage/local") for one in state.grants if one.path == "/storage/backups"]
    group = Driver(world.inventory(backup={"storage": "local"})).configuration.machine_group("shop")
    assert group.backup is not None
    for machine in taker.find(tuple(HOSTS)):
        note = f"drillbook/1 host={machine.host} group=shop run=two source={machine.identifier}"
        taker.back_up(machine, group.backup, note=note, timeout=timedelta(seconds=20))


def test_backups_on_living_nodes_are_enough_and_that_not_all_were_read_is_said(world: DrillWorld) -> None:
    on_each_node(world)
    driver = Driver(world.inventory(backup={"storage": "local"}))
    lose(world, *HOSTS)
    world.control.faults(offline=["pve3"])
    outcome = driver.restore()
    assert (outcome.verdict, failed(outcome)) == (Verdict.UNPROVEN, []), outcome.record
    said = check(outcome, "each place of backups was read")
    assert (said["status"], "local on pve3" in said["message"]) == ("skipped", True)
    assert all(world.server.state.guests[vmid].running for vmid in HOSTS.values())


def test_backups_on_a_dead_node_alone_are_not_said_to_be_none(world: DrillWorld) -> None:
    on_each_node(world)
    driver = Driver(world.inventory(backup={"storage": "local"}))
    lose(world, *HOSTS)
    world.control.faults(offline=["pve2"])
    assert "storage local can't be read on pve2" in refused(world, driver)
    assert failed(driver.restore(only=("shop-db",))) == []


def leave_the_drive(world: DrillWorld) -> None:
    """The machine has a cloud-init drive, which its dead node left on the shared storage."""
    state = world.server.state
    world.archive("shop-web1").config["ide2"] = f"{DRIVE},media=cdrom"
    state.volumes[f"|{DRIVE}"] = Volume(DRIVE, "", "ceph", "images", "raw", 4 << 20, 101)
    state.roles["DrillbookRecovery"].append("VM.Config.Disk")
    state.roles["DrillbookRecoveryStorage"].append("Datastore.Audit")


def test_a_drive_that_a_gone_machine_left_is_said_before_anything_is_touched(world: DrillWorld, driver: Driver) -> None:
    leave_the_drive(world)
    lose(world, *HOSTS)
    said = refused(world, driver)
    assert f"its cloud-init drive is there already: {DRIVE}" in said
    del world.server.state.volumes[f"|{DRIVE}"]
    assert failed(driver.restore()) == []


def test_the_drive_of_a_machine_that_stands_is_in_nobody_s_way(world: DrillWorld, driver: Driver) -> None:
    leave_the_drive(world)
    world.server.state.guests[101].config["ide2"] = f"{DRIVE},media=cdrom"
    assert failed(driver.restore(*HOSTS)) == []


def test_a_refusal_for_a_node_that_is_away_names_the_page(world: DrillWorld, driver: Driver) -> None:
    world.control.faults(offline=["pve2"])
    outcome = driver.restore(*HOSTS)
    assert 'restore-machines-in-place.md, "A node is lost"' in outcome.record["error"]["remedy"]


def test_a_token_that_others_may_read_stops_no_rescue_and_is_on_record(world: DrillWorld, driver: Driver) -> None:
    (world.tokens / "recovery.json").chmod(0o644)
    lose(world, *HOSTS)
    outcome = driver.restore()
    assert (outcome.verdict, failed(outcome)) == (Verdict.UNPROVEN, []), outcome.record
    said = check(outcome, "the token for restores is its owner's alone")
    assert (said["status"], "mode 0644" in said["message"]) == ("skipped", True)
    assert f"chmod 600 {world.tokens / 'recovery.json'}" in said["remedy"]
    assert all(world.server.state.guests[vmid].running for vmid in HOSTS.values())


def test_a_drill_with_a_token_that_others_may_read_is_refused(world: DrillWorld, driver: Driver) -> None:
    (world.tokens / "drill.json").chmod(0o640)
    outcome = driver.run()
    assert (outcome.verdict, outcome.exit_code) == (Verdict.ERROR, 2)
    assert "open to others (mode 0640)" in outcome.record["error"]["message"]
    assert "chmod 600" in outcome.record["error"]["remedy"]
