"""Clones of guests, of templates and of snapshots."""

from __future__ import annotations

from uuid import uuid4

from tests.support.proxmox.calls import Call, handles
from tests.support.proxmox.errors import PveError, forbid
from tests.support.proxmox.guests.cloud_init import copy_cloud_init_drives
from tests.support.proxmox.guests.config_permissions import check_bridges
from tests.support.proxmox.guests.configuration import check_lock
from tests.support.proxmox.guests.drives import (
    NIC,
    UNUSED,
    complete_nic,
    disks,
    drives,
    is_cdrom,
    is_cloud_init,
    is_drive,
    write_size,
)
from tests.support.proxmox.property_strings import read_options, write_options
from tests.support.proxmox.state import Config, Files, Guest, Volume
from tests.support.proxmox.storage.volumes import allocate, copy_files, default_format, release, storage_on
from tests.support.proxmox.tasks import Task

_NOT_COPIED = frozenset(
    {"lock", "parent", "template", "protection", "snaptime", "vmstate", "runningmachine", "runningcpu"}
)


@handles("POST", "/nodes/{node}/{guest}/{vmid}/clone")
def clone(call: Call) -> str:
    """Copy a guest under a new number."""
    guest = call.guest
    newid, target = int(call.get("newid")), str(call.get("target") or guest.node)
    config, contents = _source(call, guest)
    _check(call, guest, config, target)
    existing = call.state.guests.get(newid)
    if existing is not None:
        if guest.kind == "qemu":
            raise PveError(f"unable to create VM {newid}: config file already exists")
        raise PveError(f"{existing.label} {newid} already exists on node '{existing.node}'")
    check_lock(guest)
    call.write_guest()
    copy = Guest(vmid=newid, kind=guest.kind, node=target, config={"lock": "clone"})
    call.state.guests[newid] = copy

    async def work(task: Task) -> None:
        guest.config["lock"] = "clone"
        made: list[Volume] = []
        try:
            await task.work()
            copy.config |= {key: value for key, value in config.items() if _copied(guest.kind, key, str(value))}
            for key, line in drives(guest.kind, config):
                copy.config[key] = _copy_disk(call, copy, made, contents[key], line)
            copy_cloud_init_drives(call.engine, copy, config, call.get("storage"))
        except BaseException:
            for volume in made:
                release(call.engine, target, volume.volid)
            call.state.guests.pop(newid, None)
            raise
        finally:
            guest.config.pop("lock", None)
        _finish(call, copy)

    return call.task("qmclone" if guest.kind == "qemu" else "vzclone", guest.vmid, work)


def _source(call: Call, guest: Guest) -> tuple[Config, dict[str, tuple[Volume, Files]]]:
    """Return the configuration and the disks that are copied: the present ones, or a snapshot's."""
    name = call.get("snapname")
    if not name or name == "current":
        return dict(guest.config), {key: (volume, volume.files) for key, volume in disks(call.engine, guest)}
    snapshot = guest.snapshots.get(str(name))
    if snapshot is None:
        raise PveError(f"snapshot '{name}' does not exist")
    found = disks(call.engine, guest, snapshot.config)
    return dict(snapshot.config), {key: (volume, snapshot.disks[volume.volid]) for key, volume in found}


def _check(call: Call, guest: Guest, config: Config, target: str) -> None:
    pool, storage = call.get("pool"), call.get("storage")
    if pool and pool not in call.state.pools:
        raise forbid(f"pool '{pool}' does not exist")
    full = call.get("full", 0 if guest.config.get("template") else 1)
    if not full and not guest.config.get("template"):
        raise PveError("Linked clone feature is not supported for non-template guests")
    if not full and storage:
        raise PveError("parameter 'storage' not allowed for linked clones")
    if target not in call.state.nodes:
        raise PveError(f"no such cluster node '{target}'")
    for _, volume in disks(call.engine, guest):
        call.need(f"/storage/{storage or volume.storage}", "Datastore.AllocateSpace")
        if target != guest.node and not call.state.storages[volume.storage].shared:
            raise PveError(f"can't clone VM to node '{target}' (VM uses local storage)")
    check_bridges(call, config)


def _copied(kind: str, key: str, line: str) -> bool:
    """Say whether a line is copied as it is: other CD drives are, disks and cloud-init drives become new volumes."""
    if is_drive(kind, key):
        return is_cdrom(line) and not is_cloud_init(line)
    return key not in _NOT_COPIED and not UNUSED.match(key)


def _copy_disk(call: Call, copy: Guest, made: list[Volume], source: tuple[Volume, Files], line: str) -> str:
    original, files = source
    options = read_options(line)
    for name in ("", "file", "volume"):
        options.pop(name, None)
    storage = storage_on(call.engine, copy.node, str(call.get("storage") or original.storage))
    container = copy.kind == "lxc"
    shape = default_format(storage, call.get("format") or original.format, container=container)
    volume = allocate(call.engine, copy.node, storage, copy.vmid, original.size, shape, original.content)
    made.append(volume)
    volume.files = copy_files(files)
    if not call.get("full", 1):
        volume.parent = original.volid
    return write_options({"": volume.volid, **options, "size": write_size(volume.size)})


def _finish(call: Call, copy: Guest) -> None:
    """Give the copy its own name, MAC addresses and identity."""
    copy.config.pop("lock", None)
    name = call.get("name") or call.get("hostname")
    key = "name" if copy.kind == "qemu" else "hostname"
    copy.config[key] = name or f"Copy-of-{'VM' if copy.kind == 'qemu' else 'CT'}-{copy.config.get(key, call.vmid)}"
    if call.get("description") is not None:
        copy.config["description"] = call.get("description")
    for nic, line in list(copy.config.items()):
        if NIC.match(nic):
            copy.config[nic] = complete_nic(call.engine, copy.kind, str(line), fresh=True)
    if copy.kind == "qemu":
        copy.config |= {"smbios1": f"uuid={uuid4()}", "vmgenid": str(uuid4())}
    if call.get("pool"):
        call.state.pools[str(call.get("pool"))].vms.append(copy.vmid)
