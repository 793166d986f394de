"""The drill's token: what the how-to gives is enough, each part of it is needed, and more than that is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.contract.machine_drills.world import HOSTS, TOKEN, USER, documented_roles
from tests.support.proxmox.state import Grant, Storage

from drillbook.clock import SystemClock
from drillbook.config import Inventory, configuration
from drillbook.errors import InfrastructureError
from drillbook.model import Verdict
from drillbook.providers import open_restores

if TYPE_CHECKING:
    from tests.contract.machine_drills.driver import Driver
    from tests.contract.machine_drills.world import DrillWorld

NEEDED = [(role, privilege) for role, privileges in documented_roles().items() for privilege in privileges]
BEYOND = {
    "restore over a production machine": ("/vms/100", "VM.Allocate"),
    "back a production machine up": ("/vms/100", "VM.Backup"),
    "change a production machine": ("/vms/101", "VM.Config.Options"),
    "snapshot a production machine": ("/vms/101", "VM.Snapshot"),
    "stop a production machine": ("/vms/101", "VM.PowerMgmt"),
    "run programs in the pool of production": ("/pool/shop", "VM.GuestAgent.Unrestricted"),
    "everything everywhere": ("/", "Permissions.Modify"),
    "the storage that backups are written by": ("/storage/backups", "Datastore.Allocate"),
    "the network of production": ("/sdn/zones/localnetwork/vmbr0", "SDN.Use"),
}


def overreach_of(world: DrillWorld) -> str | None:
    """What the drill's token could do beyond its range, asked without a drill."""
    place = configuration(Inventory.parse(world.inventory())).provider("cluster")
    return open_restores(place, SystemClock()).overreach(tuple(HOSTS))


@pytest.mark.parametrize(("role", "privilege"), NEEDED)
def test_each_documented_privilege_is_needed(world: DrillWorld, driver: Driver, role: str, privilege: str) -> None:
    world.server.state.roles[role].remove(privilege)
    # pve-manager 9.0.11 shows a pool's members to everybody; a version that keeps to its schema does not.
    world.control.faults(pools_audited=privilege == "Pool.Audit")
    outcome = driver.run()
    assert outcome.verdict in (Verdict.ERROR, Verdict.FAIL), f"{privilege} is given for nothing"


@pytest.mark.parametrize("what", BEYOND)
def test_a_token_that_can_do_more_is_refused_before_anything_is_made(
    world: DrillWorld, driver: Driver, what: str
) -> None:
    path, privilege = BEYOND[what]
    world.server.state.roles["TooMuch"] = [privilege]
    world.server.state.grants += [
        Grant(path, kind, subject, "TooMuch") for kind, subject in (("user", USER), ("token", f"{USER}!{TOKEN}"))
    ]
    world.control.forget_served()
    outcome = driver.run()
    assert (outcome.verdict, outcome.exit_code) == (Verdict.ERROR, 2)
    assert "the drill's credential is too strong" in outcome.record["error"]["message"]
    assert privilege in outcome.record["error"]["message"]
    assert world.drill_guests() == []
    changed = [one for one in world.control.served() if one["method"] != "GET" and one["status"] == 200]
    assert changed == [], "the proof changed something"


@pytest.mark.parametrize(
    ("path", "privilege", "said"),
    [
        ("/vms/100", "VM.Allocate", "it may restore over it (shop-db, VMID 100)"),
        ("/vms/100", "VM.Backup", "it may back it up, and so restore over it (shop-db, VMID 100)"),
        ("/vms/100", "VM.Config.Options", "it may change it (shop-db, VMID 100)"),
        ("/vms/100", "VM.Snapshot", "it may take snapshots of it (shop-db, VMID 100)"),
    ],
)
def test_what_proxmox_does_not_state_is_found_by_trying(
    world: DrillWorld, driver: Driver, monkeypatch: pytest.MonkeyPatch, path: str, privilege: str, said: str
) -> None:
    """As if the list of privileges were wrong: then the tries have to tell, and without effect."""
    monkeypatch.setattr("drillbook.providers.proxmox.limits._stated", lambda _api, _drill: None)
    world.server.state.roles["TooMuch"] = [privilege]
    world.server.state.grants += [
        Grant(path, kind, subject, "TooMuch") for kind, subject in (("user", USER), ("token", f"{USER}!{TOKEN}"))
    ]
    outcome = driver.run()
    assert said in outcome.record["error"]["message"]
    assert [vmid for vmid in world.server.state.guests if vmid not in HOSTS.values()] == []


def test_a_reader_that_can_delete_backups_is_refused(world: DrillWorld, driver: Driver) -> None:
    world.server.state.storages["backups-reader"].options["username"] = "writer@pbs"
    outcome = driver.run()
    assert "it may change or remove backups by backups-reader" in outcome.record["error"]["message"]
    assert len(world.server.state.volumes) == 2 * len(HOSTS), "the disks and the backups"


@pytest.mark.parametrize(
    ("said", "overreach"),
    [
        ("500 missing permissions 'Datastore.Modify' on '/datastore/store'", False),
        ("403 permission check failed - missing Datastore.Backup|Datastore.Modify on /datastore/store", False),
        ("400 snapshot vm/100/1971-01-01T00:00:00Z does not exist!", True),
        ("Server is not recent enough to support feature 'protected'", True),
    ],
)
def test_what_the_backup_server_says_of_a_backup_that_never_was(
    world: DrillWorld,
    said: str,
    overreach: bool,
) -> None:
    world.server.state.storages["backups-reader"].options["username"] = "writer@pbs"
    world.control.answer_with(500, said, "PUT", "/storage/backups-reader/content/", count=9)
    found = overreach_of(world)
    assert bool(found) is overreach


def test_an_answer_that_says_neither_proves_nothing(world: DrillWorld) -> None:
    said = "400 backup owner check failed (power@pbs != writer@pbs)"
    world.control.answer_with(500, said, "PUT", "/storage/backups-reader/content/", count=9)
    with pytest.raises(InfrastructureError, match="backup owner check failed"):
        overreach_of(world)


def test_a_reader_that_is_shown_no_backup_is_told_so(world: DrillWorld, driver: Driver) -> None:
    """It may look at the storage, and Proxmox VE leaves out of its list what one may not read."""
    world.server.state.roles["DrillbookDrillReader"].remove("Datastore.Allocate")
    said = driver.run().record["error"]["message"]
    assert "the token is shown no backup on backups-reader: it lacks Datastore.Allocate" in said


@pytest.mark.parametrize("kind", ["nfs", "dir"])
def test_drills_from_a_storage_of_files_are_refused_by_its_type(world: DrillWorld, driver: Driver, kind: str) -> None:
    """Who may read another machine's backup there has Datastore.Allocate on it, which prunes all of them."""
    state = world.server.state
    state.storages["backups-reader"] = Storage(
        "backups-reader", kind, "backup", shared=True, options={"path": "/srv/b"}
    )
    (found, *_rest) = [volume for volume in state.volumes.values() if volume.vmid == 100 and volume.content == "backup"]
    volid = "backups-reader:backup/vzdump-qemu-100-2026_01_01-00_00_00.vma.zst"
    state.volumes[f"|{volid}"] = replace(found, volid=volid, storage="backups-reader", node="", format="vma.zst")
    world.control.forget_served()
    outcome = driver.run()
    assert (outcome.verdict, outcome.exit_code) == (Verdict.ERROR, 2)
    assert f"backups-reader is a storage of type {kind}" in outcome.record["error"]["message"]
    assert "Proxmox Backup Server" in outcome.record["error"]["remedy"]
    assert [one for one in world.control.served() if one["method"] != "GET"] == [], "nothing needed to be tried"


def test_reading_by_the_entry_that_is_written_by_is_refused(world: DrillWorld) -> None:
    from tests.contract.machine_drills.driver import Driver  # noqa: PLC0415 - another one than the fixture's

    inventory = world.inventory(backup={"storage": "backups-reader"})
    outcome = Driver(inventory).run()
    assert (outcome.verdict, outcome.exit_code) == (Verdict.ERROR, 2)
    assert "the entry that they are written by" in outcome.record["error"]["message"]
