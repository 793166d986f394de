"""The cluster as a whole: members, resources, free numbers, log."""

from __future__ import annotations

from typing import Any

from tests.support.proxmox.calls import Call, handles
from tests.support.proxmox.cluster.nodes import node_entry, online
from tests.support.proxmox.errors import refuse_parameters
from tests.support.proxmox.guests.configuration import disk_usage
from tests.support.proxmox.guests.readings import cpus_of, memory_of, uptime
from tests.support.proxmox.state import Guest
from tests.support.proxmox.storage.volumes import used_space

_FIRST_VMID = 100


@handles("GET", "/cluster/status")
def cluster_status(call: Call) -> Any:
    """Return the members and whether they are enough; a single node is no cluster and says nothing of quorum."""
    nodes = [
        {
            "id": f"node/{node.name}",
            "ip": node.address,
            "level": "",
            "local": int(node.name == call.engine.local),
            "name": node.name,
            "nodeid": number if len(call.state.nodes) > 1 else 0,
            "online": int(online(call, node.name)),
            "type": "node",
        }
        for number, node in enumerate(call.state.nodes.values(), 1)
    ]
    if len(nodes) == 1 and not call.engine.faults.quorum_lost:
        return nodes
    whole = {"id": "cluster", "name": call.state.name, "nodes": len(nodes), "type": "cluster", "version": len(nodes)}
    return [{**whole, "quorate": int(not call.engine.faults.quorum_lost)}, *nodes]


@handles("GET", "/cluster/resources")
def resources(call: Call) -> Any:
    """Return what the caller may see of nodes, guests, storages, pools and zones."""
    kind = call.get("type")
    listed: list[dict[str, Any]] = []
    if kind in {None, "vm"}:
        pools = {vmid: pool.name for pool in call.state.pools.values() for vmid in pool.vms}
        listed += [
            _guest(call, guest, _shown_pool(call, pools.get(guest.vmid)))
            for guest in call.state.guests.values()
            if call.may(f"/vms/{guest.vmid}", "VM.Audit")
        ]
    if kind in {None, "node"}:
        listed += [
            node_entry(call, node) for node in call.state.nodes.values() if call.may(f"/nodes/{node.name}", "Sys.Audit")
        ]
    if kind in {None, "storage"}:
        listed += _storages(call)
    if kind is None:
        listed += [
            {
                "id": f"/pool/{name}",
                "pool": name,
                "type": "pool",
                "cpu": 0,
                "maxcpu": 0,
                "mem": 0,
                "maxmem": 0,
                "uptime": 0,
            }
            for name in call.state.pools
            if call.may(f"/pool/{name}", "Pool.Audit")
        ]
    if kind in {None, "sdn"}:
        listed += _zones(call)
    return listed


def _shown_pool(call: Call, pool: str | None) -> str | None:
    """Return a guest's pool, which is shown to those who may audit the pool, whatever they may do with the guest."""
    return pool if pool and call.may(f"/pool/{pool}", "Pool.Audit") else None


def _guest(call: Call, guest: Guest, pool: str | None) -> dict[str, Any]:
    """Return what the last report of a guest's node said; where none has come, that is what every node knows."""
    _, size = disk_usage(call.engine, guest)
    known = {"id": f"{guest.kind}/{guest.vmid}", "type": guest.kind, "vmid": guest.vmid, "node": guest.node}
    kept = {key: guest.config[key] for key in ("tags", "lock") if guest.config.get(key)} | (
        {"pool": pool} if pool else {}
    )
    if guest.vmid in call.engine.faults.unreported:
        return {**known, "status": "unknown", **kept}
    said = call.engine.faults.reported.get(str(guest.vmid), guest.status)
    entry: dict[str, Any] = {
        **known,
        "name": guest.name,
        "status": said if online(call, guest.node) else "unknown",
        "template": int(guest.config.get("template", 0)),
        "uptime": uptime(guest),
        "maxcpu": cpus_of(guest),
        "maxmem": memory_of(guest),
        "maxdisk": size,
    }
    entry |= dict.fromkeys(("cpu", "mem", "memhost", "disk", "diskread", "diskwrite", "netin", "netout"), 0)
    return entry | kept


def _storages(call: Call) -> list[dict[str, Any]]:
    listed = []
    for storage in call.state.storages.values():
        if not call.may(f"/storage/{storage.name}", "Datastore.Audit", "Datastore.AllocateSpace", any_of=True):
            continue
        for node in storage.nodes or call.state.nodes:
            up = online(call, node)
            listed.append(
                {
                    "id": f"storage/{node}/{storage.name}",
                    "type": "storage",
                    "node": node,
                    "storage": storage.name,
                    "plugintype": storage.kind,
                    "content": storage.content,
                    "shared": int(storage.shared),
                    "status": "available" if up else "unknown",
                    "disk": used_space(call.engine, node, storage) if up else 0,
                    "maxdisk": storage.total if up else 0,
                }
            )
    return listed


def _zones(call: Call) -> list[dict[str, Any]]:
    zones = ["localnetwork", *call.state.section("zones")]
    return [
        {"id": f"sdn/{node}/{zone}", "type": "sdn", "node": node, "sdn": zone, "status": "ok"}
        for node in call.state.nodes
        for zone in zones
        if call.may(f"/sdn/zones/{zone}", "SDN.Audit", "SDN.Use", any_of=True)
    ]


@handles("GET", "/cluster/nextid")
def next_id(call: Call) -> str:
    """Return a free number, which is no reservation, or say whether the given one is free."""
    wanted = call.get("vmid")
    if wanted is not None:
        if wanted in call.state.guests:
            raise refuse_parameters(vmid=f"VM {wanted} already exists")
        _be_faster(call, int(wanted))
        return str(wanted)
    number = _FIRST_VMID
    while number in call.state.guests:
        number += 1
    _be_faster(call, number)
    return str(number)


def _be_faster(call: Call, number: int) -> None:
    """Let another client, who was told the same number, take it first."""
    if call.engine.faults.nextid_taken > 0:
        call.engine.faults.nextid_taken -= 1
        call.state.guests[number] = Guest(
            vmid=number, kind="qemu", node=call.engine.local, config={"name": "other-client"}
        )


@handles("GET", "/cluster/options")
def options(call: Call) -> Any:
    """Return the cluster's options; the tags in use are allowed ones."""
    tags = sorted(
        {tag for guest in call.state.guests.values() for tag in str(guest.config.get("tags", "")).split(";") if tag}
    )
    return {"allowed-tags": tags, "description": "", **call.state.options}


@handles("GET", "/cluster/log")
def log(call: Call) -> Any:
    """Return the ends of tasks, which is what this cluster's log has."""
    listed = []
    for number, task in enumerate(reversed(call.state.tasks.values()), 1):
        ending = task.exitstatus or "running"
        entry = {"id": f"{number}:{task.node}", "uid": str(number), "node": task.node, "pid": task.pid, "pri": 6}
        entry |= {
            "tag": "pvedaemon",
            "time": task.endtime or task.starttime,
            "user": task.user,
            "msg": f"end task {task.upid} {ending}",
        }
        listed.append(entry)
    return listed[: int(call.get("max", 50))]
