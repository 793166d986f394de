"""Who may read a volume: `check_volume_access` of pve-storage."""

from __future__ import annotations

import re

from tests.support.proxmox.calls import Call
from tests.support.proxmox.errors import PveError

_BACKUP = re.compile(r"(?:^|/)(?:vzdump-(?:qemu|lxc)-(\d+)-|backup/(?:vm|ct)/(\d+)/)")
_IMAGE = re.compile(r"(?:^|/)(?:vm|base|subvol)-(\d+)-")
PRIVATE = ("backup", "images", "rootdir")


def describe_volume(volid: str) -> tuple[str, int | None]:
    """Return a volume's content type and the guest that owns it, from its name alone."""
    rest = volid.partition(":")[2]
    backup = _BACKUP.search(rest)
    if backup:
        return "backup", int(backup[1] or backup[2])
    for kind in ("iso", "vztmpl", "snippets", "import"):
        if rest.startswith(f"{kind}/"):
            return kind, None
    image = _IMAGE.search(rest)
    if image:
        return "images", int(image[1])
    raise PveError(
        f"unable to parse volume ID '{volid}'"
        if ":" not in volid
        else f"unable to parse directory volume name '{rest}'"
    )


def check_volume_access(call: Call, volid: str, vmid: int | None, expected: str | None = None) -> None:
    """Refuse access to a volume that is another guest's, unless the caller may have it all the same."""
    kind, owner = describe_volume(volid)
    storage = f"/storage/{volid.partition(':')[0]}"
    if expected and kind != expected and {kind, expected} != {"images", "rootdir"}:
        raise PveError(f"unable to use volume {volid} - content type needs to be '{expected}'")
    if call.may(storage, "Datastore.Allocate"):
        return
    if owner is None:
        call.need(storage, "Datastore.AllocateSpace", "Datastore.Audit", any_of=True)
    elif vmid is not None and owner == vmid:
        return
    elif kind == "backup":
        call.need(storage, "Datastore.AllocateSpace")
        call.need(f"/vms/{owner}", "VM.Backup")
    else:
        call.need(storage, "Datastore.Audit")
        call.need(f"/vms/{owner}", "VM.Config.Disk")


def may_see_volume(call: Call, volid: str) -> bool:
    """Say whether a listing shows the volume to the caller."""
    try:
        check_volume_access(call, volid, None)
    except PveError:
        return False
    return True
