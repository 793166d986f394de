"""Storages: their definitions and what a node sees of them."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.support.proxmox.calls import Call, handles
from tests.support.proxmox.errors import PveError, refuse_parameters
from tests.support.proxmox.state import Storage
from tests.support.proxmox.storage.volumes import storage_on, used_space

_SHARED_KINDS = frozenset({"nfs", "cifs", "pbs", "rbd", "cephfs", "iscsi", "zfs"})
_READ = ("Datastore.Audit", "Datastore.AllocateSpace")
_OWN_FIELDS = frozenset({"storage", "type", "content", "shared", "nodes", "delete", "digest"})


def storage_status(call: Call, node: str, storage: Storage) -> dict[str, Any]:
    """Return a storage's figures on a node; one that is not active there has none."""
    enabled = _enabled(storage, node)
    active = enabled and storage.name not in call.engine.faults.inactive_storages
    total, used = (storage.total, used_space(call.engine, node, storage)) if active else (0, 0)
    return {
        "type": storage.kind,
        "content": storage.content,
        "shared": int(storage.shared),
        "active": int(active),
        "enabled": int(enabled),
        "total": total,
        "used": used,
        "avail": total - used,
    }


def _enabled(storage: Storage, node: str) -> bool:
    return not storage.options.get("disable") and (not storage.nodes or node in storage.nodes)


@handles("GET", "/nodes/{node}/storage")
def list_on_node(call: Call) -> Any:
    """Return the storages that the caller may see, also those that are not for this node: `enabled` says so.

    Contents leave out those without them, and those that are not enabled; asking for one that is left out is refused.
    """
    contents, named = str(call.get("content") or ""), call.get("storage")
    known = [storage for storage in call.state.storages.values() if not contents or _takes(call, storage, contents)]
    if named and named not in {storage.name for storage in known}:
        raise refuse_parameters(storage="No such storage.")
    listed = []
    for storage in known:
        if named in (None, storage.name) and call.may(f"/storage/{storage.name}", *_READ, any_of=True):
            status = storage_status(call, call.node, storage)
            fraction = {"used_fraction": status["used"] / status["total"]} if status["total"] else {}
            listed.append({"storage": storage.name, **fraction, **status})
    return listed


def _takes(call: Call, storage: Storage, contents: str) -> bool:
    return _enabled(storage, call.node) and bool(set(contents.split(",")) & set(storage.content.split(",")))


@handles("GET", "/nodes/{node}/storage/{storage}")
def storage_index(call: Call) -> Any:
    """Return what stands below a storage."""
    storage_on(call.engine, call.node, str(call.get("storage")))
    return [{"subdir": name} for name in ("content", "prunebackups", "status")]


@handles("GET", "/nodes/{node}/storage/{storage}/status")
def status_on_node(call: Call) -> Any:
    """Return one storage's figures."""
    if call.get("storage") not in call.state.storages:
        raise refuse_parameters(storage="No such storage.")
    return storage_status(call, call.node, storage_on(call.engine, call.node, str(call.get("storage"))))


def _definition(storage: Storage) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "storage": storage.name,
        "type": storage.kind,
        "content": storage.content,
        **storage.options,
    }
    if storage.shared:
        shown["shared"] = 1
    if storage.nodes:
        shown["nodes"] = ",".join(storage.nodes)
    return shown


def _digest(call: Call) -> str:
    text = repr([_definition(storage) for storage in call.state.storages.values()])
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@handles("GET", "/storage")
def list_definitions(call: Call) -> Any:
    """Return the storages of the cluster that the caller may see."""
    return [
        {**_definition(storage), "digest": _digest(call)}
        for storage in call.state.storages.values()
        if (not call.get("type") or call.get("type") == storage.kind)
        and call.may(f"/storage/{storage.name}", *_READ, "Datastore.Allocate", any_of=True)
    ]


def _find(call: Call) -> Storage:
    name = str(call.get("storage"))
    if name not in call.state.storages:
        raise PveError(f"storage '{name}' does not exist")
    return call.state.storages[name]


@handles("GET", "/storage/{storage}")
def read_definition(call: Call) -> Any:
    """Return one storage's definition."""
    return {**_definition(_find(call)), "digest": _digest(call)}


@handles("POST", "/storage")
def create_definition(call: Call) -> Any:
    """Define a storage."""
    name, kind = str(call.get("storage")), str(call.get("type"))
    if name in call.state.storages:
        raise PveError(f"storage ID '{name}' already defined")
    call.write("storage.cfg")
    call.state.storages[name] = Storage(
        name=name,
        kind=kind,
        content=str(call.get("content", "images,rootdir")),
        shared=kind in _SHARED_KINDS or bool(call.get("shared")),
        nodes=[node for node in str(call.get("nodes", "")).split(",") if node],
        options={key: value for key, value in call.given.items() if key not in _OWN_FIELDS},
    )
    return {"storage": name, "type": kind}


@handles("PUT", "/storage/{storage}")
def change_definition(call: Call) -> Any:
    """Change a storage's definition."""
    storage = _find(call)
    call.write("storage.cfg")
    if call.get("digest") and call.get("digest") != _digest(call):
        raise PveError("detected modified configuration - file changed by other user? Try again.")
    for key in str(call.get("delete", "")).split(","):
        storage.options.pop(key, None)
    storage.content = str(call.get("content", storage.content))
    if call.get("nodes") is not None:
        storage.nodes = [node for node in str(call.get("nodes")).split(",") if node]
    storage.options |= {key: value for key, value in call.given.items() if key not in _OWN_FIELDS}
    return {"storage": storage.name, "type": storage.kind}


@handles("DELETE", "/storage/{storage}")
def delete_definition(call: Call) -> None:
    """Forget a storage; what lies on it stays where it is."""
    storage = _find(call)
    call.write("storage.cfg")
    del call.state.storages[storage.name]
