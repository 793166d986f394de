"""Volumes: where they lie, what they can do, how they come and go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.support.proxmox.engine import Engine
from tests.support.proxmox.errors import PveError
from tests.support.proxmox.state import Files, Storage, Volume

# Storages that keep files, where the format of an image decides about snapshots.
FILE_BASED = frozenset({"dir", "nfs", "cifs", "btrfs", "cephfs"})
SNAPSHOT_CAPABLE = frozenset({"zfspool", "rbd", "lvmthin", "btrfs", "zfs"})
# ZFS goes back only to the newest snapshot.
NEWEST_ONLY = frozenset({"zfspool", "zfs"})
# Types that hold no guests' disks.
BACKUP_ONLY = frozenset({"pbs"})


def storage_on(engine: Engine, node: str, name: str) -> Storage:
    """Return a storage as the node sees it, or refuse as Proxmox VE does."""
    storage = engine.state.storages.get(name)
    if storage is None:
        raise PveError(f"storage '{name}' does not exist")
    if storage.nodes and node not in storage.nodes:
        raise PveError(f"storage '{name}' is not available on node '{node}'")
    if storage.options.get("disable"):
        raise PveError(f"storage '{name}' is disabled")
    return storage


def volume_key(storage: Storage, node: str, volid: str) -> str:
    """Return the key of a volume in the state."""
    return f"{'' if storage.shared else node}|{volid}"


def find_volume(engine: Engine, node: str, volid: str) -> Volume | None:
    """Return the volume that a node knows under this id."""
    storage = engine.state.storages.get(volid.partition(":")[0])
    if storage is None:
        return None
    home = same_datastore(engine, storage)
    volume = engine.state.volumes.get(volume_key(home, node, f"{home.name}:{volid.partition(':')[2]}"))
    return _as_seen_by(storage, volume) if volume else None


def volumes_on(engine: Engine, node: str, storage: Storage) -> Iterator[Volume]:
    """Go through the volumes that a node sees on a storage."""
    place = "" if storage.shared else node
    home = same_datastore(engine, storage)
    for volume in engine.state.volumes.values():
        if volume.storage == home.name and volume.node == place:
            yield _as_seen_by(storage, volume)


def same_datastore(engine: Engine, storage: Storage) -> Storage:
    """Return the first storage entry that shows the same datastore of a backup server: there the volumes are kept."""
    if storage.kind not in BACKUP_ONLY:
        return storage
    place = [storage.options.get(key) for key in ("server", "datastore")]
    twins = (
        one
        for one in engine.state.storages.values()
        if one.kind in BACKUP_ONLY and [one.options.get(key) for key in ("server", "datastore")] == place
    )
    return next(twins)


def _as_seen_by(storage: Storage, volume: Volume) -> Volume:
    if volume.storage == storage.name:
        return volume
    return replace(volume, volid=f"{storage.name}:{volume.volid.partition(':')[2]}", storage=storage.name)


def used_space(engine: Engine, node: str, storage: Storage) -> int:
    """Return how many bytes of a storage are taken."""
    if storage.name in engine.faults.full_storages:
        return storage.total
    return min(storage.total, sum(written(volume) for volume in volumes_on(engine, node, storage)))


def written(volume: Volume) -> int:
    """Return how many bytes a volume takes: thin images take what was written, and a little for themselves."""
    if volume.content == "backup":
        return volume.size
    return 196_608 + sum(len(data) for data in volume.files.values())


def refuse_if_full(engine: Engine, storage: Storage, what: str) -> None:
    """Refuse to write more to a storage that is full."""
    if storage.name in engine.faults.full_storages:
        raise PveError(f"{what} - No space left on device")


def allocate(
    engine: Engine,
    node: str,
    storage: Storage,
    vmid: int,
    size: int,
    shape: str,
    content: str = "images",
    stem: str = "disk",
) -> Volume:
    """Make an empty volume under the first free name."""
    if content not in storage.content.split(","):
        raise PveError(f"storage '{storage.name}' does not support content-type '{content}'")
    refuse_if_full(engine, storage, f"unable to create image: '{storage.name}:vm-{vmid}-{stem}'")
    number = 0
    while find_volume(engine, node, volid := _name(storage, vmid, stem, number, shape)):
        number += 1
    volume = Volume(
        volid=volid,
        node="" if storage.shared else node,
        storage=storage.name,
        content=content,
        format=shape,
        size=size,
        vmid=vmid,
        ctime=engine.state.now(),
    )
    engine.state.volumes[volume_key(storage, node, volid)] = volume
    return volume


def _name(storage: Storage, vmid: int, stem: str, number: int, shape: str) -> str:
    owner = "subvol" if shape == "subvol" else "vm"
    base = f"{owner}-{vmid}-{stem}" if stem.startswith("state-") else f"{owner}-{vmid}-{stem}-{number}"
    if storage.kind in FILE_BASED:
        return f"{storage.name}:{vmid}/{base}.{shape}"
    return f"{storage.name}:{base}"


def release(engine: Engine, node: str, volid: str) -> None:
    """Remove a volume; one that is gone already is no error. A backup server has rights of its own for each account."""
    storage = engine.state.storages.get(volid.partition(":")[0])
    if storage is None:
        return
    refuse_reader(storage)
    home = same_datastore(engine, storage)
    engine.state.volumes.pop(volume_key(home, node, f"{home.name}:{volid.partition(':')[2]}"), None)


def refuse_reader(storage: Storage, wanted: str = "Datastore.Modify|Datastore.Prune") -> None:
    """Refuse where the storage's account on the backup server may only read (in this server: it is called reader)."""
    if storage.kind in BACKUP_ONLY and "reader" in str(storage.options.get("username", "")):
        store = storage.options.get("datastore")
        raise PveError(
            f"proxmox-backup-client failed: Error: permission check failed - missing {wanted} on /datastore/{store}"
        )


def default_format(storage: Storage, wanted: str | None = None, *, container: bool = False) -> str:
    """Return the format of a new image: files may be qcow2, block storages and containers are raw."""
    if storage.kind in FILE_BASED and not container:
        return wanted or ("raw" if storage.kind == "btrfs" else str(storage.options.get("format", "raw")))
    return "raw" if not (container and storage.kind in {"zfspool", "btrfs"}) else "subvol"


def can_snapshot(storage: Storage, volume: Volume) -> bool:
    """Say whether a volume can be snapshotted where it lies."""
    if storage.kind in SNAPSHOT_CAPABLE:
        return True
    if storage.kind == "lvm":
        return bool(storage.options.get("snapshot-as-volume-chain")) and volume.format == "qcow2"
    return storage.kind in FILE_BASED and volume.format == "qcow2"


def file_path(storage: Storage, volid: str) -> str:
    """Return where a volume's file lies on the node."""
    rest = volid.partition(":")[2]
    root = storage.options.get("path", f"/mnt/pve/{storage.name}")
    if rest.startswith("backup/"):
        return f"{root}/dump/{rest.removeprefix('backup/')}"
    return f"{root}/images/{rest}" if storage.kind in FILE_BASED else f"/dev/{storage.name}/{rest}"


def copy_files(files: Files) -> Files:
    """Copy a content; the bytes in it never change, so they are shared."""
    return dict(files)
