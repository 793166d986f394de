"""Lists of guests, and the calls around a migration."""

from __future__ import annotations

from typing import Any

from tests.support.proxmox.calls import Call, handles
from tests.support.proxmox.errors import PveError, refuse_parameters
from tests.support.proxmox.guests.configuration import check_lock
from tests.support.proxmox.guests.drives import NIC, disks, drives, nic_mac
from tests.support.proxmox.guests.power import power_off, power_on
from tests.support.proxmox.guests.readings import container_reading, machine_reading
from tests.support.proxmox.property_strings import read_options
from tests.support.proxmox.state import Guest
from tests.support.proxmox.storage.volumes import find_volume, volume_key
from tests.support.proxmox.tasks import Task

# Lists report what is read from the kernel only, so these stay out of a machine's entry.
_READ_APART = ("diskread", "diskwrite")


@handles("GET", "/nodes/{node}/{guest}")
def list_guests(call: Call) -> Any:
    """Return the node's guests that the caller may see."""
    listed = []
    for guest in call.state.guests.values():
        if guest.kind != call.kind or guest.node != call.node or not call.may(f"/vms/{guest.vmid}", "VM.Audit"):
            continue
        if guest.kind == "lxc":
            listed.append(container_reading(call.engine, guest))
        else:
            reading = machine_reading(call.engine, guest)
            listed.append(reading | (dict.fromkeys(_READ_APART) if guest.running else {}))
    return listed


@handles("GET", "/nodes/{node}/{guest}/{vmid}")
def guest_index(call: Call) -> Any:
    """Return what stands below a guest."""
    call.engine.guest(call.kind, call.node, call.vmid)
    return [{"subdir": name} for name in ("config", "pending", "status", "snapshot", "migrate", "feature")]


@handles("GET", "/nodes/{node}/{guest}/{vmid}/rrddata")
def history(call: Call) -> Any:
    """Return the times of the last readings; the figures of a young guest are not there yet."""
    call.engine.guest(call.kind, call.node, call.vmid)
    last = call.state.now() // 60 * 60
    return [{"time": last - 60 * ago} for ago in range(70, 0, -1)]


@handles("GET", "/nodes/{node}/lxc/{vmid}/interfaces")
def interfaces(call: Call) -> Any:
    """Return a container's network interfaces."""
    guest = call.guest
    if not guest.running:
        return None
    loopback = "00:00:00:00:00:00"
    listed: list[dict[str, Any]] = [
        {
            "name": "lo",
            "hwaddr": loopback,
            "hardware-address": loopback,
            "inet": "127.0.0.1/8",
            "inet6": "::1/128",
            "ip-addresses": [
                {"ip-address": "127.0.0.1", "ip-address-type": "inet", "prefix": "8"},
                {"ip-address": "::1", "ip-address-type": "inet6", "prefix": "128"},
            ],
        }
    ]
    for key, line in guest.config.items():
        if NIC.match(key):
            mac = nic_mac(str(line)).lower()
            name = read_options(str(line)).get("name", "eth0")
            listed.append({"name": name, "hwaddr": mac, "hardware-address": mac, "ip-addresses": []})
    return listed


@handles("GET", "/nodes/{node}/{guest}/{vmid}/migrate")
def check_migration(call: Call) -> Any:
    """Say where a guest could go and what of it is bound to this node."""
    guest = call.guest
    local = [_local_disk(call, guest, key, volid) for key, volid in _named_volumes(call, guest)]
    others = [name for name in call.state.nodes if name != guest.node and name not in call.engine.faults.offline]
    bound = [disk["volid"] for disk in local]
    allowed = others if not guest.running and not bound else []
    if guest.kind == "lxc":
        return {"running": int(guest.running), "allowed-nodes": allowed, "not-allowed-nodes": {}}
    return {
        "running": int(guest.running),
        "has-dbus-vmstate": 1,
        "allowed_nodes": allowed,
        "not_allowed_nodes": {},
        "local_disks": local,
        "local_resources": [],
        "mapped-resources": [],
        "mapped-resource-info": {},
    }


def _named_volumes(call: Call, guest: Guest) -> list[tuple[str, str]]:
    found = [(key, volume.volid) for key, volume in disks(call.engine, guest)]
    states = [("", snapshot.vmstate) for snapshot in guest.snapshots.values() if snapshot.vmstate]
    return [(key, volid) for key, volid in [*found, *states] if not call.state.storages[volid.partition(":")[0]].shared]


def _local_disk(call: Call, guest: Guest, key: str, volid: str) -> dict[str, Any]:
    holding = {s.name: 1 for s in guest.snapshots.values() if volid in s.disks or s.vmstate == volid}
    entry: dict[str, Any] = {
        "volid": volid,
        "referenced_in_snapshot": holding,
        "shared": 0,
        "replicate": 1,
        "is_unused": 0,
        "is_attached": int(bool(key)),
        "is_vmstate": int(not key),
        "is_tpmstate": 0,
        "cdrom": 0,
    }
    volume = find_volume(call.engine, guest.node, volid)
    return entry | {"drivename": key, "size": volume.size} if key and volume else entry


@handles("POST", "/nodes/{node}/{guest}/{vmid}/migrate")
def migrate(call: Call) -> str:
    """Move a guest to another node."""
    guest, target = call.guest, str(call.get("target"))
    live = call.get("online") or call.get("restart")
    if target not in call.state.nodes:
        raise PveError(f"no such cluster node '{target}'")
    if target == guest.node:
        raise refuse_parameters(target="target is local node.")
    call.engine.faults.reach(target)
    check_lock(guest)
    if guest.running and not live:
        what = "VM without --online" if guest.kind == "qemu" else "container without --online or --restart"
        raise PveError(f"can't migrate running {what}")

    async def work(task: Task) -> None:
        call.write_guest()
        guest.config["lock"] = "migrate"
        try:
            await task.work()
            _move(call, guest, target)
        finally:
            guest.config.pop("lock", None)
        if guest.running and guest.kind == "lxc":
            power_off(call.engine, guest)
            power_on(call.engine, guest)

    return call.task("qmigrate" if guest.kind == "qemu" else "vzmigrate", guest.vmid, work)


def _move(call: Call, guest: Guest, target: str) -> None:
    local = [volume for _, volume in disks(call.engine, guest) if volume.node]
    if local and guest.running and guest.kind == "qemu" and not call.get("with-local-disks"):
        raise PveError("can't live migrate attached local disks without with-local-disks option")
    for volume in local:
        storage = call.state.storages[volume.storage]
        del call.state.volumes[volume_key(storage, guest.node, volume.volid)]
        volume.node = target
        call.state.volumes[volume_key(storage, target, volume.volid)] = volume
    if sum(1 for _ in drives(guest.kind, guest.config)) < len(local):
        raise PveError("a disk of the guest was lost on the way")
    guest.node = target
