"""What a drill's token must not be able to do: asked of Proxmox VE, and tried where a try has no effect.

A token is limited by what it is granted, so its effective privileges are read in full: on anything but the drill's own pool, storages
and bridge it may look and no more. Stated privileges are Proxmox VE's word; so the worst ones are tried as well, in a
form that is refused for another reason where the right is there: a taken number, a stale digest, a reserved name, a backup that
never was. Of the account behind a storage entry Proxmox VE knows nothing: only what the backup server itself answers tells it.
"""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from drillbook.errors import DrillbookError
from drillbook.model import Backup
from drillbook.providers.proxmox.api import ProxmoxApi
from drillbook.providers.proxmox.place import ProxmoxDrillRange

_HARMLESS = frozenset(
    {"VM.Audit", "Datastore.Audit", "Sys.Audit", "Pool.Audit", "SDN.Audit", "Mapping.Audit", "VM.GuestAgent.Audit"}
)
_NO_DIGEST = "0" * 40
_DENIED = re.compile(r"the token may not do that|permission check failed|missing permissions")
_ALLOWED = re.compile(
    r"already exists|checksum mismatch|detected modified|'current'|does not exist|not recent enough|unable to restore"
)


def find_overreach(api: ProxmoxApi, drill: ProxmoxDrillRange, backups: Sequence[Backup]) -> str | None:
    """Say the first thing that the token could do beyond its range; None where there is none."""
    return _stated(api, drill) or next((said for said in _tried(api, drill, backups) if said), None)


def find_overreach_beside(api: ProxmoxApi, drill: ProxmoxDrillRange, template: int, node: str) -> str | None:
    """As `find_overreach`, for a token that clones a template and restores no machine's backup: tried on the template."""
    tries = _changes(api, f"/nodes/{node}/qemu/{template}")
    return _stated(api, drill) or next(
        (f"it may {one.what} (template, VMID {template})" for one in tries if not _denied(one.attempt)), None
    )


def _stated(api: ProxmoxApi, drill: ProxmoxDrillRange) -> str | None:
    permissions: Mapping[str, Mapping[str, int]] = api.get("/access/permissions")
    members = _members(api, drill)
    for path, privileges in sorted(permissions.items()):
        beyond = sorted(set(privileges) - _HARMLESS - _of_the_template(path, drill))
        if beyond and not _own(path, drill, members):
            return f"it has {', '.join(beyond)} on {path}"
    return None


def _of_the_template(path: str, drill: ProxmoxDrillRange) -> frozenset[str]:
    """What the token may do to the template of sandbox hosts: clone it, and no more."""
    is_it = drill.sandboxes is not None and path == f"/vms/{drill.sandboxes.template}"
    return frozenset({"VM.Clone"}) if is_it else frozenset()


def _own(path: str, drill: ProxmoxDrillRange, members: frozenset[str]) -> bool:
    head, _, name = path.lstrip("/").partition("/")
    if head == "vms":
        return name in members and drill.first_vmid <= int(name) <= drill.last_vmid
    return (
        path == f"/pool/{drill.pool}"
        or (head == "storage" and name in (drill.storage, drill.backup_storage))
        or (head == "sdn" and path.rpartition("/")[2] == drill.bridge)
    )


def _members(api: ProxmoxApi, drill: ProxmoxDrillRange) -> frozenset[str]:
    pools = api.get("/pools", poolid=drill.pool)
    return frozenset(str(member["vmid"]) for pool in pools for member in pool.get("members", ()) if "vmid" in member)


@dataclass(frozen=True, slots=True)
class _Try:
    what: str
    attempt: Callable[[], Any]


def _tried(api: ProxmoxApi, drill: ProxmoxDrillRange, backups: Sequence[Backup]) -> Iterator[str | None]:
    newest = {backup.source: backup for backup in backups if backup.source}
    for number, backup in sorted(newest.items()):
        for one in _tries(api, drill, number, backup):
            yield None if _denied(one.attempt) else f"it may {one.what} ({backup.host}, VMID {number})"
    for backup in list(newest.values())[:1]:
        yield _writing(api, drill, backup)


def _writing(api: ProxmoxApi, drill: ProxmoxDrillRange, backup: Backup) -> str | None:
    """Unprotect a backup that never was: a backup server refuses a reader first, and tells others that there is none.

    Removing is no proof: Proxmox VE refuses the token itself, while its Datastore.Allocate lets it prune by an account that may.
    """
    gone = _without_moment(backup.identifier)
    path = f"/nodes/{drill.node}/storage/{drill.backup_storage}/content/{gone}"
    if _denied(partial(api.put, path, protected=0)):
        return None
    return f"it may change or remove backups by {drill.backup_storage}, whose account must only read (DatastoreReader)"


def _tries(api: ProxmoxApi, drill: ProxmoxDrillRange, number: str, backup: Backup) -> Iterator[_Try]:
    guest = f"/nodes/{drill.node}/qemu/{number}"
    volume, archive = backup.identifier, _without_moment(backup.identifier)
    yield _Try("restore over it", lambda: api.post(f"/nodes/{drill.node}/qemu", vmid=int(number), archive=archive))
    yield _Try(
        "back it up, and so restore over it",
        lambda: api.get(f"/nodes/{drill.node}/vzdump/extractconfig", volume=volume),
    )
    yield from _changes(api, guest)


def _changes(api: ProxmoxApi, guest: str) -> Iterator[_Try]:
    word = secrets.token_hex(8)
    yield _Try("change it", lambda: api.put(f"{guest}/config", digest=_NO_DIGEST, description=word))
    yield _Try("take snapshots of it", lambda: api.post(f"{guest}/snapshot", snapname="current"))


def _denied(attempt: Callable[[], Any]) -> bool:
    """Whether it was refused for want of the right, by Proxmox VE (403) or by the backup server behind it.

    Raises what says neither that nor that the right is there: then nothing is proven.
    """
    try:
        attempt()
    except DrillbookError as error:
        if _DENIED.search(error.message):
            return True
        if _ALLOWED.search(error.message):
            return False
        raise
    return False


def _without_moment(volume: str) -> str:
    """The name of a backup that never was: the same machine's, of 1971."""
    head, _, last = volume.rpartition("/")
    if "/vm/" in volume:
        return f"{head}/1971-01-01T00:00:00Z"
    kind = "-".join(last.split("-")[:3])
    return f"{head}/{kind}-1971_01_01-00_00_00.vma.zst"
