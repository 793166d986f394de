"""What lies on a storage: lists, attributes, removal, retention."""

from __future__ import annotations

import re
from typing import Any

from tests.support.proxmox.calls import Call, handles
from tests.support.proxmox.errors import PveError, forbid
from tests.support.proxmox.guests.drives import parse_size
from tests.support.proxmox.state import Storage, Volume
from tests.support.proxmox.storage.access import check_volume_access, describe_volume, may_see_volume
from tests.support.proxmox.storage.retention import mark_backups
from tests.support.proxmox.storage.volumes import (
    BACKUP_ONLY,
    FILE_BASED,
    default_format,
    file_path,
    find_volume,
    refuse_if_full,
    refuse_reader,
    release,
    storage_on,
    volume_key,
    volumes_on,
    written,
)
from tests.support.proxmox.tasks import Task

_BASE = "/nodes/{node}/storage/{storage}"
PROTECTED_LIMIT = 5


@handles("GET", f"{_BASE}/content")
def list_content(call: Call) -> Any:
    """Return the volumes that the caller may see."""
    storage = storage_on(call.engine, call.node, str(call.get("storage")))
    content, vmid = call.get("content"), call.get("vmid")
    return [
        _describe(volume)
        for volume in volumes_on(call.engine, call.node, storage)
        if (not content or volume.content == content)
        and (vmid is None or volume.vmid == vmid)
        and may_see_volume(call, volume.volid)
    ]


def _describe(volume: Volume) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "volid": volume.volid,
        "content": volume.content,
        "format": volume.format,
        "size": volume.size,
        "ctime": volume.ctime,
    }
    if volume.vmid is not None:
        entry["vmid"] = volume.vmid
    if volume.content == "backup":
        entry["subtype"] = volume.archive.kind if volume.archive else "qemu"
        entry |= {"notes": volume.notes} if volume.notes else {}
        entry |= {"protected": 1} if volume.protected else {}
        if volume.verification:
            entry["verification"] = {"state": volume.verification, "upid": "UPID:pbs:0000:0:0:0:verify:store:root@pam:"}
    elif volume.content in {"images", "rootdir"}:
        entry |= {"used": written(volume), "parent": volume.parent}
    return entry


def _volid(call: Call) -> str:
    """Return the volume in the path, which may be given with or without its storage."""
    name = str(call.get("volume"))
    return name if ":" in name.partition("/")[0] else f"{call.get('storage')}:{name}"


def _volume(call: Call) -> Volume:
    volid = _volid(call)
    if call.get("storage") and volid.partition(":")[0] != call.get("storage"):
        raise PveError(f"storage ID mismatch ({volid.partition(':')[0]} != {call.get('storage')})")
    storage_on(call.engine, call.node, volid.partition(":")[0])
    describe_volume(volid)
    volume = find_volume(call.engine, call.node, volid)
    if volume is None:
        raise PveError(f"volume '{volid}' does not exist")
    return volume


@handles("GET", f"{_BASE}/content/{{volume}}")
def read_volume(call: Call) -> Any:
    """Return a volume's attributes."""
    volume = _volume(call)
    check_volume_access(call, volume.volid, None)
    shown: dict[str, Any] = {
        "path": file_path(call.state.storages[volume.storage], volume.volid),
        "size": volume.size,
        "used": written(volume),
        "format": volume.format,
    }
    if volume.content == "backup":
        shown |= {"notes": volume.notes} if volume.notes else {}
        shown["protected"] = int(volume.protected)
    return shown


@handles("PUT", f"{_BASE}/content/{{volume}}")
def change_volume(call: Call) -> None:
    """Change a backup's notes and protection: a backup server is asked at once, whether the backup is there or not."""
    volid = _volid(call)
    storage = storage_on(call.engine, call.node, volid.partition(":")[0])
    check_volume_access(call, volid, None)
    refuse_reader(storage, "Datastore.Backup|Datastore.Modify")
    volume = find_volume(call.engine, call.node, volid)
    if volume is None and storage.kind in BACKUP_ONLY:
        raise PveError(f"400 snapshot {volid.partition('/')[2]} does not exist!")
    if volume is None and call.get("notes") is None and not call.get("protected"):
        return  # there is no file that marks it as protected, and none is wanted
    volume = _volume(call)
    if call.get("notes") is not None:
        volume.notes = str(call.get("notes"))
    if call.get("protected") is not None:
        if call.get("protected") and not volume.protected:
            check_protection_limit(call, call.state.storages[volume.storage], volume.vmid)
        volume.protected = bool(call.get("protected"))


def check_protection_limit(call: Call, storage: Storage, vmid: int | None) -> None:
    """Refuse one more protected backup than a storage allows; who may allocate the storage has no limit."""
    limit = int(
        storage.options.get(
            "max-protected-backups",
            -1 if call.may(f"/storage/{storage.name}", "Datastore.Allocate") else PROTECTED_LIMIT,
        )
    )
    held = sum(1 for one in volumes_on(call.engine, call.node, storage) if one.protected and one.vmid == vmid)
    if limit >= 0 and held >= limit:
        raise PveError(f"The number of protected backups per guest is limited to {limit} on storage '{storage.name}'")


@handles("DELETE", f"{_BASE}/content/{{volume}}")
def delete_volume(call: Call) -> str:
    """Remove a volume in a task; who may is decided by its name, before it is looked for, or a backup server is asked."""
    path = f"/storage/{call.get('storage')}"
    volid = _volid(call)
    content, owner = describe_volume(volid)
    if content == "backup" and owner:
        call.need(path, "Datastore.AllocateSpace")
        call.need(f"/vms/{owner}", "VM.Backup")
    else:
        call.need(path, "Datastore.Allocate")
    storage = storage_on(call.engine, call.node, volid.partition(":")[0])
    if storage.kind not in BACKUP_ONLY:
        _volume(call)

    async def work(task: Task) -> None:
        refuse_reader(storage)
        volume = _volume(call)
        if volume.protected:
            raise PveError(f"cannot remove protected volume '{volume.volid.partition(':')[2]}' on '{volume.storage}'")
        await task.work()
        release(call.engine, call.node, volume.volid)
        task.log(f"Removed volume '{volume.volid}'")

    worked_on = f"{owner}@{storage.name}" if owner else storage.name
    return call.task("imgdel", worked_on, work)


@handles("POST", f"{_BASE}/content")
def allocate_volume(call: Call) -> str:
    """Make an empty disk under the name that the caller gives."""
    storage = storage_on(call.engine, call.node, str(call.get("storage")))
    name = str(call.get("filename"))
    if storage.kind in BACKUP_ONLY or not re.match(rf"^(vm|subvol)-{call.vmid}-", name):
        raise PveError(f"illegal name '{name}' - should be 'vm-{call.vmid}-*'")
    text = str(call.get("size"))
    size = parse_size(text) if text[-1:] in {"M", "G"} else int(text) * 1024  # without a unit these are KiB
    refuse_if_full(call.engine, storage, f"unable to create image: '{name}'")
    volid = f"{storage.name}:{call.vmid}/{name}" if storage.kind in FILE_BASED else f"{storage.name}:{name}"
    if find_volume(call.engine, call.node, volid):
        raise PveError(f"disk image '{file_path(storage, volid)}' already exists")
    home = "" if storage.shared else call.node
    shape = str(call.get("format") or default_format(storage))
    made = Volume(volid, home, storage.name, "images", shape, size, call.vmid, call.state.now())
    call.state.volumes[volume_key(storage, call.node, volid)] = made
    return volid


def retention_for(call: Call, storage: Storage) -> str:
    """Return the retention of the call, or the storage's own."""
    return str(call.get("prune-backups") or storage.options.get("prune-backups") or "keep-all=1")


def _candidates(call: Call, storage: Storage) -> list[Volume]:
    return [
        volume
        for volume in volumes_on(call.engine, call.node, storage)
        if volume.content == "backup"
        and (call.get("vmid") is None or volume.vmid == call.vmid)
        and (not call.get("type") or (volume.archive and volume.archive.kind == call.get("type")))
    ]


@handles("GET", f"{_BASE}/prunebackups")
def plan_prune(call: Call) -> Any:
    """Say what a retention would keep and remove."""
    storage = storage_on(call.engine, call.node, str(call.get("storage")))
    found = _candidates(call, storage)
    marks = mark_backups(found, retention_for(call, storage))
    return [
        {
            "volid": volume.volid,
            "mark": marks[volume.volid],
            "ctime": volume.ctime,
            "type": volume.archive.kind if volume.archive else "unknown",
            "vmid": volume.vmid,
        }
        for volume in sorted(found, key=lambda one: (one.vmid or 0, one.ctime))
    ]


@handles("DELETE", f"{_BASE}/prunebackups")
def prune(call: Call) -> str:
    """Remove what a retention does not keep."""
    storage = storage_on(call.engine, call.node, str(call.get("storage")))
    path = f"/storage/{storage.name}"
    if not call.may(path, "Datastore.Allocate"):
        if call.get("vmid") is None:
            raise forbid(f"{path}, Datastore.Allocate")
        call.need(path, "Datastore.AllocateSpace")
        call.need(f"/vms/{call.vmid}", "VM.Backup")

    async def work(task: Task) -> None:
        await task.work()
        found = _candidates(call, storage)
        for volid, mark in mark_backups(found, retention_for(call, storage)).items():
            if mark == "remove":
                release(call.engine, call.node, volid)

    return call.task("prunebackups", f"{call.vmid}@{storage.name}" if call.get("vmid") else storage.name, work)
