"""A restore in place of machines with settings of their own: protection, high availability, left out disks, passed-through devices."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.contract.machine_drills.test_drill import check, failed
from tests.contract.machine_drills.test_in_place import REPLACE_ALL, good, lose, recoverable, refused
from tests.contract.machine_drills.world import HOSTS, RECOVERY_USER, DrillWorld
from tests.support.proxmox.engine import Engine
from tests.support.proxmox.guests.drives import volume_id
from tests.support.proxmox.state import GIBIBYTE, Grant
from tests.support.proxmox.storage.volumes import allocate, release

from drillbook.clock import SystemClock
from drillbook.errors import InfrastructureError
from drillbook.model import Verdict
from drillbook.providers import open_recoveries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.machine_drills.driver import Driver

DISKS = "shop-db: all its disks"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[DrillWorld]:
    """And in the end: every request was one that the official schema knows."""
    with recoverable(tmp_path) as made:
        yield made


def manage(world: DrillWorld, delay: float) -> None:
    """Have high availability manage the shop's machines."""
    entries = world.server.state.section("ha-resources")
    entries.update({f"vm:{vmid}": {"sid": f"vm:{vmid}", "type": "vm", "state": "started"} for vmid in HOSTS.values()})
    world.control.faults(slow={"ha": delay})


def test_what_is_protected_is_refused_before_it_is_switched_off(world: DrillWorld, driver: Driver) -> None:
    world.server.state.guests[100].config["protection"] = 1
    said = refused(world, driver, *REPLACE_ALL)
    assert "it is protected (option protection)" in said
    assert world.server.state.guests[100].running


def test_protection_comes_back_as_it_was_backed_up(world: DrillWorld, driver: Driver) -> None:
    world.archive("shop-db").config["protection"] = 1
    assert good(driver.restore(*REPLACE_ALL))
    found = [world.server.state.guests[vmid].config.get("protection") for vmid in HOSTS.values()]
    assert found == [1, None]


@pytest.mark.parametrize("cut", [None, "status/stop$", "status/start$"])
def test_machines_that_high_availability_manages_are_waited_for(
    world: DrillWorld, driver: Driver, cut: str | None
) -> None:
    manage(world, 1.0)
    if cut:
        world.control.cut_connection("POST", cut, accepted=True)
    outcome = driver.restore(*REPLACE_ALL)
    assert good(outcome), outcome.record
    kinds = {task.kind for task in world.server.state.tasks.values()}
    assert {"hastop", "hastart"} <= kinds
    assert not {"qmstop", "qmstart"} & kinds
    assert all(world.server.state.guests[vmid].running for vmid in HOSTS.values())


def test_what_high_availability_does_not_do_is_named(world: DrillWorld, driver: Driver) -> None:
    manage(world, 60.0)
    recoveries = open_recoveries(driver.configuration.provider("cluster"), SystemClock())
    rules = driver.configuration.machine_group("shop").backup
    assert rules is not None
    (backup,) = recoveries.backups(("shop-db",), rules)
    standing = recoveries.standing((backup,))["shop-db"]
    with pytest.raises(InfrastructureError, match=r"still running 1 s after .*high availability"):
        recoveries.put_back(backup, standing, timedelta(seconds=1))
    assert not [task for task in world.server.state.tasks.values() if task.kind == "qmrestore"]


def leave_out(world: DrillWorld) -> str:
    """Give shop-db a second disk that its backups leave out; returns its line."""
    state = world.server.state
    disk = allocate(Engine(state), "pve1", state.storages["ceph"], 100, 4 * GIBIBYTE, "raw")
    line = f"{disk.volid},backup=0,size=4G"
    state.guests[100].config["scsi1"] = line
    world.archive("shop-db").config["scsi1"] = line
    return line


def test_a_disk_that_no_backup_holds_is_named_with_what_brings_it_back(world: DrillWorld, driver: Driver) -> None:
    line = leave_out(world)
    outcome = driver.restore(*REPLACE_ALL)
    assert (outcome.verdict, failed(outcome)) == (Verdict.FAIL, [DISKS]), outcome.record
    assert check(outcome, DISKS)["stage"] == "verify"
    said = f"scsi1 was in no backup: it is unused0; attach it by `qm set 100 --scsi1 {line}`"
    assert check(outcome, DISKS)["message"] == said
    assert world.server.state.guests[100].config["unused0"] == volume_id(line)


def test_a_disk_that_no_backup_holds_and_that_is_gone_is_named(world: DrillWorld, driver: Driver) -> None:
    disk = volume_id(leave_out(world))
    lose(world, "shop-db")
    release(Engine(world.server.state), "pve1", disk)
    outcome = driver.restore("shop-web1")
    assert (outcome.verdict, failed(outcome)) == (Verdict.FAIL, [DISKS]), outcome.record
    assert f"scsi1 was in no backup, and its disk {disk} is gone" in check(outcome, DISKS)["message"]


ROOT_ONLY = {"hostpci0": "0000:01:00.0,pcie=1", "usb0": "host=1234:5678", "hostpci1": "host=01:00"}


@pytest.mark.parametrize("key", ROOT_ONLY)
def test_a_device_that_only_root_can_restore_is_refused_by_name(world: DrillWorld, driver: Driver, key: str) -> None:
    world.archive("shop-web1").config[key] = ROOT_ONLY[key]
    said = refused(world, driver, *REPLACE_ALL)
    assert f"only root@pam can restore it: {key}" in said
    assert "qmrestore" in said


MAPPED = {
    "/mapping/pci/gpu": {"hostpci0": "mapping=gpu,pcie=1"},
    "/mapping/usb/dongle": {"usb0": "mapping=dongle,usb3=1"},
    "/mapping/dir/share": {"virtiofs0": "share,cache=auto"},
    "/mapping/hwrng": {"rng0": "source=/dev/hwrng,max_bytes=1024"},
}


@pytest.mark.parametrize("path", MAPPED)
def test_a_mapped_device_needs_the_right_to_use_it(world: DrillWorld, driver: Driver, path: str) -> None:
    world.archive("shop-web1").config.update(MAPPED[path])
    (key,) = MAPPED[path]
    assert f"{key} needs Mapping.Use on {path}" in refused(world, driver, *REPLACE_ALL)
    for kind, subject in (("user", RECOVERY_USER), ("token", f"{RECOVERY_USER}!recovery")):
        world.server.state.grants.append(Grant(path, kind, subject, "PVEMappingUser"))
    assert good(driver.restore(*REPLACE_ALL))


def test_what_passes_nothing_through_is_not_refused(world: DrillWorld, driver: Driver) -> None:
    config = world.archive("shop-web1").config
    config |= {"usb0": "spice", "rng0": "source=/dev/urandom", "serial0": "socket"}
    assert good(driver.restore(*REPLACE_ALL))
