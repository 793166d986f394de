"""Exchanges recorded from a real pve-manager 9.0, and the cluster that they were recorded on."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.proxmox.cluster.nodes import new_node
from tests.support.proxmox.state import (
    GIBIBYTE,
    Archive,
    Config,
    Grant,
    Guest,
    Pool,
    Snapshot,
    State,
    Storage,
    TaskRecord,
    Token,
    User,
    Volume,
)

FILE = Path(__file__).resolve().parents[2] / "fixtures" / "proxmox" / "recorded.json"
PASSWORD = "secret"
TOKEN_SECRET = "11111111-2222-4333-8444-555555555555"
NODE = "pvelab"
RECORDED_ENTRIES = 4
_UPID = re.compile(r"UPID:([^:]+):[0-9A-F]+:[0-9A-F]+:[0-9A-F]+:")


@cache
def exchanges() -> list[dict[str, Any]]:
    """Return the exchanges in the order in which they were made."""
    calls: list[dict[str, Any]] = json.loads(FILE.read_text())["calls"]
    return calls


def name_of(number: int) -> str:
    """Return what to call an exchange in a report."""
    exchange = exchanges()[number]
    return f"{number:02d} {exchange['method']} {exchange['path']}" + (
        f" ({exchange['note']})" if exchange.get("note") else ""
    )


def recorded_state() -> State:
    """Build the cluster as it was when the first exchange was recorded."""
    state = State()
    node = state.nodes[NODE] = new_node(NODE, 6)
    # An applied configuration and one that waits: the recording shows the difference.
    node.timezone = None
    node.pending_interfaces = {**node.interfaces}
    local: Config = {"path": "/var/lib/vz", "prune-backups": "keep-all=1", "priority": 0}
    state.storages["local"] = Storage("local", "dir", "images,rootdir,snippets,iso,vztmpl,backup", options=local)
    state.users["root@pam"] = User(password=PASSWORD, tokens={"drill": Token(TOKEN_SECRET, privsep=False)})
    state.users["ro@pve"] = User(password=PASSWORD)
    state.grants.append(Grant("/", "user", "ro@pve", "PVEAuditor"))
    state.pools["drill"] = Pool("drill", "x", [100])
    state.section("zones")["drill"] = {"zone": "drill", "type": "simple"}
    state.section("vnets")["dnet"] = {"vnet": "dnet", "zone": "drill", "type": "vnet"}
    state.section("jobs")["nightly"] = _job()
    _add_machine(state)
    for vmid in (200, 201):
        _add_container(state, vmid)
    _add_backups(state)
    _add_tasks(state)
    return state


def _body(method: str, path: str) -> Any:
    """Return the data of the first recorded answer of a call."""
    return next(one["body"]["data"] for one in exchanges() if (one["method"], one["path"]) == (method, path))


def _config(path: str) -> Config:
    data = _body("GET", f"/nodes/{NODE}/{path}/config")
    return {key: value for key, value in data.items() if key not in {"digest", "parent"}}


def _job() -> Config:
    return {"id": "nightly", "schedule": "02:30", "mode": "snapshot", "compress": "zstd"} | {
        "vmid": "100",
        "prune-backups": "keep-last=3",
        "storage": "local",
        "enabled": 1,
    }


def _disk(state: State, volid: str, vmid: int, content: str) -> Volume:
    volume = Volume(volid, NODE, "local", content, volid.rpartition(".")[2], GIBIBYTE, vmid, 1795168463)
    state.volumes[f"{NODE}|{volid}"] = volume
    return volume


def _add_machine(state: State) -> None:
    disk, memory = "local:100/vm-100-disk-0.qcow2", "local:100/vm-100-state-live.raw"
    _disk(state, disk, 100, "images")
    _disk(state, memory, 100, "images")
    guest = Guest(100, "qemu", NODE, _config("qemu/100"), status="running", started=1.0, pid=24711)
    parent = None
    for order, (name, description) in enumerate({"s1": "first", "live": "with ram", "donly": ""}.items()):
        kept = {**_config("qemu/100/snapshot/s1"), "snaptime": 1795167884}
        snapshot = Snapshot(name, kept, 1795167884 + order, description, parent, {disk: {}}, order=order)
        snapshot.vmstate = memory if name == "live" else None
        guest.snapshots[name] = snapshot
        parent = name
    guest.parent = parent
    guest.mounts["scsi0"] = "/data"
    state.guests[100] = guest


def _add_container(state: State, vmid: int) -> None:
    volid = f"local:{vmid}/vm-{vmid}-disk-0.raw"
    _disk(state, volid, vmid, "rootdir")
    config = _config("lxc/200") | {"rootfs": f"{volid},size=1G"}
    running = vmid == 200
    state.guests[vmid] = Guest(vmid, "lxc", NODE, config, "running" if running else "stopped", started=1.0, pid=23203)


def _add_backups(state: State) -> None:
    listed = next(one["body"]["data"] for one in exchanges() if one["params"].get("content") == "backup")
    for entry in listed:
        vmid, kind = entry["vmid"], entry["subtype"]
        config = dict(state.guests[vmid].config)
        key = "scsi0" if kind == "qemu" else "rootfs"
        archive = Archive(kind, vmid, config, {key: {}}, {key: GIBIBYTE})
        volume = Volume(entry["volid"], NODE, "local", "backup", entry["format"], entry["size"], vmid, entry["ctime"])
        volume.archive, volume.notes = archive, entry.get("notes", "")
        state.volumes[f"{NODE}|{volume.volid}"] = volume


def _add_tasks(state: State) -> None:
    for entry in reversed(_body("GET", f"/nodes/{NODE}/tasks")):
        record = TaskRecord(
            entry["upid"],
            NODE,
            entry["type"],
            entry["id"],
            entry["user"],
            entry["pid"],
            entry["pstart"],
            entry["starttime"],
        )
        record.endtime, record.exitstatus, record.log = entry["endtime"], entry["status"], ["TASK OK"]
        state.tasks[record.upid] = record


def alike(ours: Any, recorded: Any) -> Any:
    """Leave out of our answer what the recording cut off: it keeps the first four entries of a list."""
    if isinstance(ours, dict) and isinstance(recorded, dict):
        return {key: alike(entry, recorded.get(key)) for key, entry in ours.items()}
    if isinstance(ours, list) and isinstance(recorded, list) and len(recorded) == RECORDED_ENTRIES:
        for field in ("type", "content"):
            kinds = {entry.get(field) for entry in recorded if isinstance(entry, dict)} - {None}
            if kinds:
                return [entry for entry in ours if entry.get(field) in kinds]
    return ours


def shape(value: Any) -> Any:
    """Reduce a body to its keys and types; a list becomes what its elements have in common and apart."""
    if isinstance(value, dict):
        return {key: shape(entry) for key, entry in sorted(value.items())}
    if isinstance(value, list):
        return [merge([shape(entry) for entry in value])] if value else []
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    if isinstance(value, int | float):
        return "number"
    return _UPID.sub(r"UPID:\1:", value) if value.startswith("UPID:") else "text"


def merge(shapes: list[Any]) -> Any:
    """Merge the shapes of a list's elements; a key that some of them lack is as good as one that all have."""
    if all(isinstance(one, dict) for one in shapes):
        keys = sorted({key for one in shapes for key in one})
        return {key: merge([one[key] for one in shapes if key in one]) for key in keys}
    distinct = sorted({json.dumps(one, sort_keys=True) for one in shapes})
    return json.loads(distinct[0]) if len(distinct) == 1 else distinct
