"""Backups as they lie on a storage: where it is, what is there, and what of that is drillbook's."""

from collections.abc import Mapping, Sequence
from typing import Any

from drillbook.errors import ConfigurationError, InfrastructureError
from drillbook.model import Backup
from drillbook.providers.proxmox.api import ProxmoxApi
from drillbook.providers.proxmox.notes import listed_backup
from drillbook.providers.proxmox.permissions import WRITE, privileges_on

PBS = "pbs"
_UNKNOWN = "No such storage"


class BackupStorages:
    """Reads storages. It needs Datastore.AllocateSpace on them, and VM.Backup on the machine that a backup is of."""

    def __init__(self, api: ProxmoxApi) -> None:
        self._api = api
        self._nodes: dict[str, str] = {}
        self._active: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._writable: dict[str, bool] = {}

    def on_node(self, node: str, name: str) -> Mapping[str, Any] | None:
        """The storage as that node sees it; None where there is none, or the token may neither look at it nor write to it.

        One that is not for this node is listed all the same, and not enabled. One that was active is not asked for again: a node has many
        machines, and what uses it says for itself when it is gone.
        """
        if (node, name) not in self._active:
            storage = self._asked(node, name)
            if storage is None or not storage.get("active"):
                return storage
            self._active[node, name] = storage
        return self._active[node, name]

    def writable(self, name: str) -> bool:
        """Whether the token may write to it; one call for a storage."""
        if name not in self._writable:
            self._writable[name] = WRITE in privileges_on(self._api, f"/storage/{name}")
        return self._writable[name]

    def seen(self, name: str) -> tuple[list[Backup], tuple[str, ...]]:
        """All backups on the storage that drillbook took, oldest first; and the nodes whose own part of it can't be read.

        A storage of each node's own is read on every node, so what is not seen must not be taken for gone.
        """
        places, away = self._places(name)
        found = [
            backup
            for node, place in places
            for entry in self._api.get(f"/nodes/{node}/storage/{name}/content", content="backup")
            if (backup := listed_backup(entry, place)) is not None
        ]
        return sorted(found, key=lambda backup: (backup.taken_at, backup.identifier)), away

    def of_machine(self, node: str, place: str, vmid: str) -> list[Backup]:
        """All backups of one number that drillbook took."""
        listed = self._api.get(f"/nodes/{node}/storage/{storage_of(place)}/content", content="backup", vmid=int(vmid))
        return [backup for entry in listed if (backup := listed_backup(entry, place)) is not None]

    def node_of(self, backup: Backup) -> str:
        """A node that sees the backup; of those that share its storage the first, looked for once."""
        node, own, _name = backup.place.partition("/")
        if own:
            return node
        if backup.place not in self._nodes:
            places, away = self._places(backup.place)
            if not places:
                raise storage_away(backup.place, away)
            self._nodes[backup.place] = places[0][0]
        return self._nodes[backup.place]

    def _asked(self, node: str, name: str) -> Mapping[str, Any] | None:
        try:
            found: Sequence[Mapping[str, Any]] = self._api.get(f"/nodes/{node}/storage", storage=name)
        except ConfigurationError as error:
            if _UNKNOWN in error.message:
                return None
            raise
        return next(iter(found), None)

    def _places(self, name: str) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
        """Each node to be asked, and what the place is called there; one is enough where they share it. And the nodes that are away."""
        found, disabled, away = list[tuple[str, str]](), False, list[str]()
        for entry in sorted(self._api.get("/nodes"), key=lambda one: str(one["node"])):
            node = str(entry["node"])
            storage = None if entry.get("status") == "offline" else self._asked(node, name)
            if entry.get("status") == "offline":
                away.append(node)
            elif storage is None:
                continue
            elif not storage.get("enabled", 1):
                disabled = True
            elif not storage.get("active"):
                away.append(node)
            elif storage.get("shared"):
                return [(node, place_of(node, storage))], ()
            else:
                found.append((node, place_of(node, storage)))
        if not found and not away:
            raise _no_storage(name, disabled=disabled)
        return found, tuple(away)


def storage_away(name: str, nodes: Sequence[str]) -> InfrastructureError:
    """The error for a storage that can't be read on some nodes."""
    return InfrastructureError(
        f"storage {name} can't be read on {', '.join(nodes)}",
        where="the cluster's nodes",
        remedy="Bring the node back, or activate the storage there: backups on it are not seen until then.",
    )


def _no_storage(name: str, *, disabled: bool) -> ConfigurationError:
    return ConfigurationError(
        f"storage {name} is disabled, or for none of the nodes that are there"
        if disabled
        else f"there is no storage {name} that this token may write to",
        where="drillbook_machines.backup.storage",
        remedy="Enable it, or name another."
        if disabled
        else "Correct the name, or give the token Datastore.AllocateSpace on it.",
    )


def place_of(node: str, storage: Mapping[str, Any]) -> str:
    """What a place is called: the storage, with the node before it where each node has its own."""
    name = str(storage["storage"])
    return name if storage.get("shared") else f"{node}/{name}"


def storage_of(place: str) -> str:
    """The storage of a place."""
    return place.rpartition("/")[2]
