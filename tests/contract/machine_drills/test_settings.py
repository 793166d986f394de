"""What a backup's own configuration does to a drill: protection, what acts outside the machine, and what a restore leaves."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.contract.machine_drills.test_drill import check, failed, live, posts
from tests.support.proxmox.engine import Engine
from tests.support.proxmox.storage.archives import store_archive
from tests.support.proxmox.tasks import Tasks

from drillbook.clock import SystemClock
from drillbook.config import Inventory, configuration
from drillbook.errors import InfrastructureError
from drillbook.model import Claim, Verdict
from drillbook.providers import open_restores
from drillbook.providers.proxmox.notes import listed_backup

if TYPE_CHECKING:
    from tests.contract.machine_drills.driver import Driver
    from tests.contract.machine_drills.world import DrillWorld

LIMIT = timedelta(seconds=20)
OUTSIDE = {
    "hookscript": "local:snippets/announce.pl",
    "args": "-netdev tap,id=n9,ifname=tap9,script=no",
    "ivshmem": "size=32,name=shared",
    "serial1": "/dev/ttyS0",
    "parallel0": "/dev/parport0",
}


def test_a_machine_that_is_protected_is_drilled_and_removed(world: DrillWorld, driver: Driver) -> None:
    world.archive("shop-db").config["protection"] = 1
    outcome = driver.run()
    assert (outcome.verdict, failed(outcome), outcome.record["leftovers"]) == (Verdict.PASS, [], [])
    assert world.drill_guests() == []


@pytest.mark.parametrize("key", OUTSIDE)
def test_what_acts_on_the_node_or_leads_out_is_red_before_anything_starts(
    world: DrillWorld, driver: Driver, key: str
) -> None:
    world.archive("shop-db").config[key] = OUTSIDE[key]
    outcome = driver.run()
    name = "shop-db: nothing but its cards leads out"
    assert (outcome.verdict, failed(outcome)) == (Verdict.FAIL, [name, "isolation proven"]), outcome.record
    assert check(outcome, name)["actual"] == f"{key}: {OUTSIDE[key]}"
    assert posts(world, "/status/start") == []
    assert world.drill_guests() == []


def test_what_stays_inside_is_not_held_against_a_machine(world: DrillWorld, driver: Driver) -> None:
    world.archive("shop-db").config |= {"serial0": "socket", "usb0": "spice", "rng0": "source=/dev/urandom"}
    assert driver.run().verdict is Verdict.PASS


def test_a_live_restore_s_way_out_is_red_as_soon_as_it_is_seen(world: DrillWorld) -> None:
    world.archive("shop-db").config["hookscript"] = OUTSIDE["hookscript"]
    outcome = live(world).run()
    assert failed(outcome) == ["shop-db: nothing but its cards leads out", "isolation proven"]
    assert world.drill_guests() == []


def test_a_disk_of_its_number_on_another_storage_may_be_another_cluster_s(world: DrillWorld, driver: Driver) -> None:
    """The restore itself gives it to the machine, as Proxmox VE does."""
    volumes = world.server.state.volumes
    (key,) = [key for key, one in volumes.items() if one.volid == world.disk(100)]
    foreign = replace(volumes[key], volid="ceph:vm-9000-disk-7", vmid=9000)
    volumes[key.replace(world.disk(100), foreign.volid)] = foreign
    outcome = driver.run()
    assert (outcome.exit_code, world.drill_guests()) == (4, [9000])
    assert "ceph:vm-9000-disk-7" in outcome.record["error"]["message"]
    assert foreign in volumes.values()
    assert world.server.state.guests[9000].status == "stopped"
    del world.server.state.guests[9000].config["unused0"]
    assert [entry.left for entry in driver.cleaner().clean()] == [()]
    assert (world.drill_guests(), world.scratch()) == ([], [])
    assert foreign in volumes.values()


def stop_late(tasks: Tasks, upid: str) -> None:
    """A worker that was told to end takes a second to do so."""
    worker = tasks.running.get(upid)
    if worker is not None:
        asyncio.get_running_loop().call_later(1.0, worker.cancel)


@pytest.mark.parametrize("kind", ["pbs", "nfs"])
def test_what_a_restore_that_was_killed_on_the_node_left_is_removed(
    world: DrillWorld, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """From a backup server the half-made guest is locked meanwhile, from a file it is not."""
    state = world.server.state
    (stored,) = [one for one in state.volumes.values() if one.storage == "backups" and one.vmid == 100]
    notes = stored.notes
    if kind != "pbs":
        reader = state.storages["backups-reader"]
        reader.kind = kind
        stored = store_archive(Engine(state), "pve3", reader, world.archive("shop-db"), "zstd")
    listed = {"volid": f"backups-reader:{stored.volid.partition(':')[2]}", "vmid": 100, "ctime": stored.ctime}
    backup = listed_backup({**listed, "notes": notes}, "backups-reader")
    assert backup is not None
    restores = open_restores(configuration(Inventory.parse(world.inventory())).provider("cluster"), SystemClock())
    claim = Claim("cluster", "shop-db", "qemu/9000", "20261121T203551Z-shop-latest-ab12")
    world.control.faults(abort={"qmrestore": 1})
    with pytest.raises(InfrastructureError, match="interrupted by signal"):
        restores.restore(claim, backup, LIMIT)
    assert state.guests[9000].config == {"memory": "128"}
    assert len(world.scratch()) == 1, "a disk that no configuration names"
    restores.destroy(claim, LIMIT)
    assert (world.drill_guests(), world.scratch()) == ([], [])
    monkeypatch.setattr(Tasks, "stop", stop_late)
    world.control.faults(slow={"qmrestore": 5.0})
    with pytest.raises(InfrastructureError, match="not done after"):
        restores.restore(claim, backup, timedelta(seconds=0.5))
    world.control.faults(inactive_storages=["nas"])
    restores.destroy(claim, LIMIT)
    assert world.drill_guests() == [], "though the storages can't all be searched"
