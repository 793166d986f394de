"""Pools."""

from __future__ import annotations

from typing import Any

from tests.support.proxmox.calls import Call, handles
from tests.support.proxmox.errors import PveError
from tests.support.proxmox.formats import split_list
from tests.support.proxmox.guests.readings import uptime
from tests.support.proxmox.state import Pool


def _find(call: Call) -> Pool:
    pool = call.state.pools.get(str(call.get("poolid")))
    if pool is None:
        raise PveError(f"pool '{call.get('poolid')}' does not exist")
    return pool


def _members(call: Call, pool: Pool) -> list[dict[str, Any]]:
    kind = call.get("type")
    members: list[dict[str, Any]] = []
    for vmid in pool.vms:
        guest = call.state.guests.get(vmid)
        if guest and kind in {None, guest.kind}:
            entry = {"id": f"{guest.kind}/{vmid}", "vmid": vmid, "type": guest.kind, "node": guest.node}
            members.append(
                {**entry, "name": guest.name, "status": guest.status, "template": 0, "uptime": uptime(guest)}
            )
    if kind in {None, "storage"}:
        members += [
            {"id": f"storage/{node}/{name}", "storage": name, "type": "storage", "node": node}
            for name in pool.storages
            for node in call.state.storages[name].nodes or call.state.nodes
        ]
    return members


@handles("GET", "/pools")
def list_pools(call: Call) -> Any:
    """Return the pools that the caller may see; a named one with its members, whoever asks (seen on pve-manager 9.0.11)."""
    if call.get("poolid"):
        pool = _find(call)
        if call.engine.faults.pools_audited:
            call.need(f"/pool/{pool.name}", "Pool.Audit")
        return [{"poolid": pool.name, "comment": pool.comment, "members": _members(call, pool)}]
    return [
        {"poolid": pool.name, **({"comment": pool.comment} if pool.comment else {})}
        for pool in call.state.pools.values()
        if call.may(f"/pool/{pool.name}", "Pool.Audit", "Pool.Allocate", any_of=True)
    ]


@handles("GET", "/pools/{poolid}")
def read_pool(call: Call) -> Any:
    """Return one pool with its members."""
    pool = _find(call)
    return {"members": _members(call, pool), **({"comment": pool.comment} if pool.comment else {})}


@handles("POST", "/pools")
def create_pool(call: Call) -> None:
    """Make a pool; one below another needs that one."""
    name = str(call.get("poolid"))
    if name in call.state.pools:
        raise PveError(f"create pool failed: pool '{name}' already exists")
    parent = name.rpartition("/")[0]
    if parent and parent not in call.state.pools:
        raise PveError(f"create pool failed: parent '{parent}' of pool '{name}' does not exist")
    call.write("user.cfg")
    call.state.pools[name] = Pool(name=name, comment=str(call.get("comment", "")))


@handles("PUT", "/pools")
@handles("PUT", "/pools/{poolid}")
def change_pool(call: Call) -> None:
    """Change a pool's members; who brings a guest in must be allowed to allocate both."""
    pool = _find(call)
    call.write("user.cfg")
    if call.get("comment") is not None:
        pool.comment = str(call.get("comment"))
    for entry in split_list(str(call.get("vms", ""))):
        _change_guest(call, pool, int(entry))
    for name in split_list(str(call.get("storage", ""))):
        call.need(f"/storage/{name}", "Datastore.Allocate")
        if call.get("delete"):
            pool.storages.remove(name)
        else:
            pool.storages.append(name)


def _change_guest(call: Call, pool: Pool, vmid: int) -> None:
    call.need(f"/vms/{vmid}", "VM.Allocate")
    if call.get("delete"):
        if vmid not in pool.vms:
            raise PveError(f"update pools failed: VM {vmid} is not a pool member")
        pool.vms.remove(vmid)
        return
    if vmid in pool.vms:
        raise PveError(f"update pools failed: VM {vmid} is already a pool member")
    former = call.state.pool_of(vmid)
    if former and not call.get("allow-move"):
        raise PveError(
            f"update pools failed: VM {vmid} belongs already to pool '{former.name}' and 'allow-move' is not set"
        )
    if former:
        former.vms.remove(vmid)
    pool.vms.append(vmid)


@handles("DELETE", "/pools")
@handles("DELETE", "/pools/{poolid}")
def delete_pool(call: Call) -> None:
    """Remove an empty pool."""
    pool = _find(call)
    for vmid in pool.vms:
        if vmid in call.state.guests:
            raise PveError(f"delete pool failed: pool '{pool.name}' is not empty (contains VM {vmid})")
    for name in pool.storages:
        raise PveError(f"delete pool failed: pool '{pool.name}' is not empty (contains storage '{name}')")
    call.write("user.cfg")
    del call.state.pools[pool.name]
