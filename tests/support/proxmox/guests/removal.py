"""Guests that go, and what goes with them."""

from __future__ import annotations

from collections.abc import Collection

from tests.support.proxmox.calls import Call, handles
from tests.support.proxmox.engine import Engine
from tests.support.proxmox.errors import PveError
from tests.support.proxmox.formats import split_list
from tests.support.proxmox.guests.configuration import check_lock, check_skiplock
from tests.support.proxmox.guests.drives import UNUSED, is_cdrom, is_cloud_init, is_drive, volume_id
from tests.support.proxmox.state import Guest
from tests.support.proxmox.storage.access import describe_volume
from tests.support.proxmox.storage.volumes import release, volumes_on
from tests.support.proxmox.tasks import Task


def erase_disks(engine: Engine, guest: Guest) -> None:
    """Remove a guest's disks, the saved memory of its snapshots included; what another guest owns stays."""
    named = {
        volume_id(str(line)) for key, line in guest.config.items() if is_drive(guest.kind, key) or UNUSED.match(key)
    }
    named |= {snapshot.vmstate for snapshot in guest.snapshots.values() if snapshot.vmstate}
    for volid in named:
        if ":" in volid and describe_volume(volid) == ("images", guest.vmid):
            release(engine, guest.node, volid)


def erase_replaced(engine: Engine, guest: Guest, restored: Collection[str]) -> None:
    """Remove the drives in whose places a restore puts others, and the saved memory of snapshots; all others stay."""
    lines = [str(guest.config[key]) for key in restored if key in guest.config]
    named = [volume_id(line) for line in lines if is_cloud_init(line) or not is_cdrom(line)]
    named += [snapshot.vmstate for snapshot in guest.snapshots.values() if snapshot.vmstate]
    for volid in named:
        if ":" in volid and describe_volume(volid) == ("images", guest.vmid):
            release(engine, guest.node, volid)


def own_images(engine: Engine, node: str, vmid: int) -> list[str]:
    """Return the images that bear a guest's number on the storages that a node has, whether a configuration names them or not."""
    return [
        volume.volid
        for storage in engine.state.storages.values()
        if "images" in storage.content.split(",") and (not storage.nodes or node in storage.nodes)
        for volume in volumes_on(engine, node, storage)
        if volume.content == "images" and volume.vmid == vmid
    ]


def _refuse_while_restored(call: Call, guest: Guest) -> None:
    """A restore holds the lock of the guest's file, which is no lock in its configuration."""
    for task in call.state.tasks.values():
        if task.running and task.kind == "qmrestore" and task.subject == str(guest.vmid):
            raise PveError(f"can't lock file '/var/lock/qemu-server/lock-{guest.vmid}.conf' - got timeout")


@handles("DELETE", "/nodes/{node}/{guest}/{vmid}")
def destroy(call: Call) -> str:
    """Destroy a guest; that it runs or is protected is said at once, that it is locked only by the task."""
    guest = call.guest
    label = guest.label
    skip = check_skiplock(call)
    if guest.config.get("protection"):
        raise PveError(f"can't remove {label} {guest.vmid} - protection mode enabled")
    managed = f"{'vm' if guest.kind == 'qemu' else 'ct'}:{guest.vmid}"
    if managed in call.state.section("ha-resources") and not call.get("purge"):
        raise PveError(f"unable to remove {label} {guest.vmid} - used in HA resources and purge parameter not set.")
    if guest.running and not (guest.kind == "lxc" and call.get("force")):
        raise PveError(
            f"VM {guest.vmid} is running - destroy failed"
            if guest.kind == "qemu"
            else f"unable to destroy CT {guest.vmid} - container is running"
        )

    async def work(task: Task) -> None:
        _refuse_while_restored(call, guest)
        check_lock(guest, skip=skip)
        call.write_guest()
        await task.work()
        erase_disks(call.engine, guest)
        if call.get("destroy-unreferenced-disks"):
            for away in sorted(
                call.engine.faults.inactive_storages
            ):  # each storage is searched, and so activated first
                raise PveError(f"storage '{away}' is not online")
            for volid in own_images(call.engine, guest.node, guest.vmid):
                release(call.engine, guest.node, volid)
        if body := call.engine.body_of(guest):
            body.remove(guest)
        call.state.guests.pop(guest.vmid, None)
        _forget_rights(call, guest.vmid)
        if call.get("purge"):
            task.log(f"purging {label} {guest.vmid} from related configurations..")
            purge(call, guest.vmid, managed)

    return call.task("qmdestroy" if guest.kind == "qemu" else "vzdestroy", guest.vmid, work)


def _forget_rights(call: Call, vmid: int) -> None:
    """Take a guest out of its pool and withdraw the grants on its number: the next guest under it is another one."""
    call.state.grants = [grant for grant in call.state.grants if grant.path != f"/vms/{vmid}"]
    for pool in call.state.pools.values():
        if vmid in pool.vms:
            pool.vms.remove(vmid)


def purge(call: Call, vmid: int, managed: str) -> None:
    """Take a guest out of backup jobs and high availability."""
    for job in call.state.section("jobs").values():
        left = [entry for entry in split_list(str(job.get("vmid", ""))) if entry != str(vmid)]
        if "vmid" in job:
            job["vmid"] = ",".join(left)
    call.state.section("ha-resources").pop(managed, None)
