"""Snapshots: the disks' content and the configuration, kept and brought back."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.support.proxmox.calls import Call, handles
from tests.support.proxmox.engine import Engine
from tests.support.proxmox.errors import PveError
from tests.support.proxmox.guests.configuration import check_lock
from tests.support.proxmox.guests.drives import UNUSED, digest, disks, drives, parse_size, volume_id
from tests.support.proxmox.guests.power import power_off, power_on
from tests.support.proxmox.guests.readings import MEBIBYTE, memory_of
from tests.support.proxmox.property_strings import read_options
from tests.support.proxmox.state import Config, Guest, Snapshot
from tests.support.proxmox.storage.volumes import (
    NEWEST_ONLY,
    allocate,
    can_snapshot,
    copy_files,
    default_format,
    find_volume,
    refuse_if_full,
    release,
)
from tests.support.proxmox.tasks import Task

# What belongs to the guest as it is and is neither kept by a snapshot nor brought back.
_NOT_KEPT = frozenset({"lock", "description", "parent", "digest"})


def snapshots_possible(engine: Engine, guest: Guest) -> bool:
    """Say whether every disk lies where it can be snapshotted."""
    found = dict(disks(engine, guest))
    if len(found) < sum(1 for _ in drives(guest.kind, guest.config)):
        return False
    return all(can_snapshot(engine.state.storages[volume.storage], volume) for volume in found.values())


def _kept(config: Config) -> Config:
    return {key: value for key, value in config.items() if key not in _NOT_KEPT and not UNUSED.match(key)}


@handles("GET", "/nodes/{node}/{guest}/{vmid}/snapshot")
def list_snapshots(call: Call) -> Any:
    """Return the tree, the present state included."""
    guest = call.guest
    listed: list[dict[str, Any]] = []
    for snapshot in guest.snapshots.values():
        entry: dict[str, Any] = {
            "name": snapshot.name,
            "snaptime": snapshot.snaptime,
            "description": snapshot.description,
        }
        if guest.kind == "qemu":
            entry["vmstate"] = int(snapshot.vmstate is not None)
        if snapshot.parent:
            entry["parent"] = snapshot.parent
        listed.append(entry)
    present: dict[str, Any] = {"name": "current", "description": "You are here!", "digest": digest(guest.config)}
    present["running"] = int(guest.running)
    if guest.parent:
        present["parent"] = guest.parent
    return [*listed, present]


@handles("POST", "/nodes/{node}/{guest}/{vmid}/snapshot")
def create_snapshot(call: Call) -> str:
    """Take a snapshot, with the memory where that is asked for and the machine runs."""
    guest = call.guest
    name = str(call.get("snapname"))
    reserved = {"current", "pending"} | ({"vzdump"} if guest.kind == "lxc" else set())
    if name.lower() in reserved:
        raise PveError(f"unable to use snapshot name '{name}' (reserved name)")

    async def work(task: Task) -> None:
        check_lock(guest)
        if guest.config.get("template"):
            raise PveError("you can't take a snapshot if it's a template")
        if name in guest.snapshots:
            raise PveError(f"snapshot name '{name}' already used")
        if not snapshots_possible(call.engine, guest):
            raise PveError("snapshot feature is not available")
        call.write_guest()
        guest.config["lock"] = "snapshot"
        try:
            await task.work()
            _take(
                call.engine,
                guest,
                name,
                str(call.get("description", "")),
                memory=bool(call.get("vmstate")) and guest.running,
            )
        finally:
            guest.config.pop("lock", None)

    return call.task("qmsnapshot" if guest.kind == "qemu" else "vzsnapshot", guest.vmid, work)


def _take(engine: Engine, guest: Guest, name: str, description: str, *, memory: bool) -> None:
    found = dict(disks(engine, guest))
    for volume in found.values():
        refuse_if_full(engine, engine.state.storages[volume.storage], f"snapshot of '{volume.volid}' failed")
    snapshot = Snapshot(
        name=name,
        config=_kept(guest.config),
        snaptime=engine.state.now(),
        description=description,
        parent=guest.parent,
        disks={volume.volid: copy_files(volume.files) for volume in found.values()},
        order=engine.state.next_number(),
    )
    if description:
        snapshot.config["description"] = description
    snapshot.config["snaptime"] = snapshot.snaptime
    if guest.parent:
        snapshot.config["parent"] = guest.parent
    if memory:
        storage = engine.state.storages[next(iter(found.values())).storage] if found else engine.state.storages["local"]
        size = memory_of(guest) * 2 + 500 * MEBIBYTE
        state = allocate(
            engine, guest.node, storage, guest.vmid, size, default_format(storage, "raw"), stem=f"state-{name}"
        )
        snapshot.vmstate = state.volid
        snapshot.memory = dict(guest.memory)
        snapshot.frozen = guest.frozen
        snapshot.config |= {"vmstate": state.volid, "runningmachine": "pc-i440fx-10.0+pve1", "runningcpu": "qemu64"}
    guest.snapshots[name] = snapshot
    guest.parent = name


def _find(guest: Guest, name: str) -> Snapshot:
    snapshot = guest.snapshots.get(name)
    if snapshot is None:
        raise PveError(f"snapshot '{name}' does not exist")
    return snapshot


@handles("POST", "/nodes/{node}/{guest}/{vmid}/snapshot/{snapname}/rollback")
def roll_back(call: Call) -> str:
    """Bring disks and configuration back; a snapshot with memory runs on from there."""
    guest = call.guest
    name = str(call.get("snapname"))
    if call.get("start") and not call.may(f"/vms/{guest.vmid}", "VM.PowerMgmt"):
        call.need(f"/vms/{guest.vmid}", "VM.PowerMgmt")

    async def work(task: Task) -> None:
        snapshot = _find(guest, name)
        if guest.config.get("template"):
            raise PveError("you can't rollback if vm is a template")
        check_lock(guest)
        _refuse_older(call.engine, guest, snapshot)
        call.write_guest()
        guest.config["lock"] = "rollback"
        try:
            await task.work()
            power_off(call.engine, guest)
            _bring_back(call.engine, guest, snapshot)
        finally:
            guest.config.pop("lock", None)
        if snapshot.vmstate or call.get("start"):
            power_on(call.engine, guest)
            guest.memory = dict(snapshot.memory)
            guest.frozen = snapshot.frozen

    return call.task("qmrollback" if guest.kind == "qemu" else "vzrollback", guest.vmid, work)


def _refuse_older(engine: Engine, guest: Guest, snapshot: Snapshot) -> None:
    """Refuse to go back past a newer snapshot where the storage cannot."""
    for volid in snapshot.disks:
        storage = engine.state.storages[volid.partition(":")[0]]
        newer = any(other.order > snapshot.order and volid in other.disks for other in guest.snapshots.values())
        if storage.kind in NEWEST_ONLY and newer:
            raise PveError(f"can't rollback, '{snapshot.name}' is not most recent snapshot on '{volid}'")


def _bring_back(engine: Engine, guest: Guest, snapshot: Snapshot) -> None:
    for volid, files in snapshot.disks.items():
        volume = find_volume(engine, guest.node, volid)
        if volume is None:
            raise PveError(f"volume '{volid}' does not exist")
        volume.files = copy_files(files)
    for _, line in drives(guest.kind, snapshot.config):
        restored, size = find_volume(engine, guest.node, volume_id(line)), read_options(line).get("size")
        if restored and size:
            restored.size = parse_size(size)
    stays = {key: value for key, value in guest.config.items() if key == "description" or UNUSED.match(key)}
    dropped = _NOT_KEPT | {"snaptime", "vmstate", "runningmachine", "runningcpu"}
    guest.config = {key: value for key, value in snapshot.config.items() if key not in dropped} | stays
    if guest.kind == "qemu" and "vmgenid" in guest.config and not snapshot.vmstate:
        # A guest that compares its generation can tell that it was set back.
        guest.config["vmgenid"] = str(uuid4())
    guest.parent = snapshot.name


@handles("DELETE", "/nodes/{node}/{guest}/{vmid}/snapshot/{snapname}")
def delete_snapshot(call: Call) -> str:
    """Remove a snapshot; its children are handed to its parent."""
    guest = call.guest
    name = str(call.get("snapname"))

    async def work(task: Task) -> None:
        snapshot = _find(guest, name)
        check_lock(guest)
        call.write_guest()
        guest.config["lock"] = "snapshot-delete"
        try:
            await task.work()
        finally:
            guest.config.pop("lock", None)
        for child in guest.snapshots.values():
            if child.parent == name:
                child.parent = snapshot.parent
        if guest.parent == name:
            guest.parent = snapshot.parent
        if snapshot.vmstate:
            release(call.engine, guest.node, snapshot.vmstate)
        del guest.snapshots[name]

    return call.task("qmdelsnapshot" if guest.kind == "qemu" else "vzdelsnapshot", guest.vmid, work)


@handles("GET", "/nodes/{node}/{guest}/{vmid}/snapshot/{snapname}/config")
def read_snapshot(call: Call) -> Any:
    """Return the configuration as a snapshot keeps it."""
    return dict(_find(call.guest, str(call.get("snapname"))).config)


@handles("PUT", "/nodes/{node}/{guest}/{vmid}/snapshot/{snapname}/config")
def describe_snapshot(call: Call) -> None:
    """Change a snapshot's description."""
    snapshot = _find(call.guest, str(call.get("snapname")))
    call.write_guest()
    if call.get("description") is not None:
        snapshot.description = str(call.get("description"))
        snapshot.config["description"] = snapshot.description


@handles("GET", "/nodes/{node}/{guest}/{vmid}/snapshot/{snapname}")
def snapshot_index(call: Call) -> Any:
    """Return what stands below a snapshot."""
    _find(call.guest, str(call.get("snapname")))
    return [{"cmd": "rollback"}, {"cmd": "config"}]


@handles("GET", "/nodes/{node}/{guest}/{vmid}/feature")
def feature(call: Call) -> Any:
    """Say whether the guest's disks lie where the feature works."""
    guest = call.guest
    has = int(snapshots_possible(call.engine, guest)) if call.get("feature") == "snapshot" else 1
    if guest.kind == "lxc":
        return {"hasFeature": has}
    shared = all(
        call.state.storages[volume_id(line).partition(":")[0]].shared for _, line in drives("qemu", guest.config)
    )
    return {"hasFeature": has, "nodes": list(call.state.nodes) if shared else [guest.node]}
