"""The drive with a guest's cloud-init data: a volume that bears the guest's number and no other, so there is never a second one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.support.proxmox.errors import PveError
from tests.support.proxmox.guests.drives import is_cloud_init, is_drive, volume_id
from tests.support.proxmox.property_strings import write_options
from tests.support.proxmox.state import Volume
from tests.support.proxmox.storage.volumes import FILE_BASED, file_path, find_volume, storage_on, volume_key

if TYPE_CHECKING:
    from tests.support.proxmox.engine import Engine
    from tests.support.proxmox.state import Config, Guest, Storage

SIZE = 4 << 20

# What the storage's own tool says of a name that is taken. Of files it was seen on pve-manager 9.0.11; the others are their tools' words.
_TAKEN = {
    "zfspool": "zfs error: cannot create '{0}/{1}': dataset already exists",
    "rbd": "rbd create '{1}' error: rbd: create error: (17) File exists",
    "lvmthin": 'lvcreate \'{0}/{1}\' error:   Logical Volume "{1}" already exists in volume group "{0}"',
}


def cloud_init_drives(config: Config) -> Iterator[tuple[str, str]]:
    """Go through the drives that hold cloud-init data."""
    for key, line in config.items():
        if is_drive("qemu", key) and is_cloud_init(str(line)):
            yield key, str(line)


def make_cloud_init_drive(engine: Engine, guest: Guest, storage: Storage) -> str:
    """Make the volume and return the drive's line, or refuse where one with this name was left on the storage."""
    shape = "qcow2" if storage.kind in FILE_BASED else "raw"
    name = f"vm-{guest.vmid}-cloudinit"
    volid = f"{storage.name}:{guest.vmid}/{name}.{shape}" if storage.kind in FILE_BASED else f"{storage.name}:{name}"
    if find_volume(engine, guest.node, volid):
        taken = _TAKEN.get(storage.kind, "disk image '{2}' already exists")
        raise PveError(taken.format(storage.name, name, file_path(storage, volid)))
    node = "" if storage.shared else guest.node
    made = Volume(volid, node, storage.name, "images", shape, SIZE, guest.vmid, engine.state.now())
    engine.state.volumes[volume_key(storage, guest.node, volid)] = made
    return write_options({"": volid, "media": "cdrom"})


def copy_cloud_init_drives(engine: Engine, guest: Guest, source: Config, wanted: str | None) -> None:
    """Give a guest drives where another configuration has them, on the storage that is wanted, or else on the same."""
    for key, line in cloud_init_drives(source):
        storage = storage_on(engine, guest.node, wanted or volume_id(line).partition(":")[0])
        guest.config[key] = make_cloud_init_drive(engine, guest, storage)
