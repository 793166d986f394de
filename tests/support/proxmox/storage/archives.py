"""Backups as volumes: how they are named, what they hold, how they are read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.support.proxmox.calls import Call, handles
from tests.support.proxmox.engine import Engine
from tests.support.proxmox.errors import PveError
from tests.support.proxmox.guests.drives import disks, render
from tests.support.proxmox.property_strings import read_options
from tests.support.proxmox.state import Archive, Guest, Storage, Volume
from tests.support.proxmox.storage.access import check_volume_access, describe_volume
from tests.support.proxmox.storage.volumes import (
    BACKUP_ONLY,
    copy_files,
    file_path,
    find_volume,
    volume_key,
    volumes_on,
)

_SUFFIX = {"0": "", "1": ".gz", "gzip": ".gz", "lzo": ".lzo", "zstd": ".zst"}
# What an archive of an empty disk takes.
_FRAME = 37_000


def take_archive(engine: Engine, guest: Guest) -> Archive:
    """Copy a guest's configuration and the disks that take part in backups."""
    taken = {key: volume for key, volume in disks(engine, guest) if takes_part(guest, key)}
    return Archive(
        kind=guest.kind,
        vmid=guest.vmid,
        config={key: value for key, value in guest.config.items() if key not in {"lock", "parent"}},
        disks={key: copy_files(volume.files) for key, volume in taken.items()},
        sizes={key: volume.size for key, volume in taken.items()},
    )


def takes_part(guest: Guest, key: str) -> bool:
    """Say whether a disk is backed up: a machine's unless it says no, a container's mount point only if it says yes."""
    choice = read_options(str(guest.config[key])).get("backup")
    return choice == "1" if guest.kind == "lxc" and key != "rootfs" else choice not in {"0", "no", "off"}


def store_archive(engine: Engine, node: str, storage: Storage, archive: Archive, compress: str) -> Volume:
    """Put a backup on a storage; its name carries the time, so two of one guest never share a second."""
    former = [
        one.ctime for one in volumes_on(engine, node, storage) if one.content == "backup" and one.vmid == archive.vmid
    ]
    when = max([engine.state.now(), *(stamp + 1 for stamp in former)])
    moment = datetime.fromtimestamp(when, UTC)
    short = "vm" if archive.kind == "qemu" else "ct"
    if storage.kind in BACKUP_ONLY:
        shape = f"pbs-{short}"
        volid = f"{storage.name}:backup/{short}/{archive.vmid}/{moment:%Y-%m-%dT%H:%M:%SZ}"
    else:
        shape = ("vma" if archive.kind == "qemu" else "tar") + _SUFFIX[compress]
        volid = f"{storage.name}:backup/vzdump-{archive.kind}-{archive.vmid}-{moment:%Y_%m_%d-%H_%M_%S}.{shape}"
    size = _FRAME + sum(len(data) for files in archive.disks.values() for data in files.values())
    home = "" if storage.shared else node
    volume = Volume(volid, home, storage.name, "backup", shape, size, archive.vmid, when, archive=archive)
    engine.state.volumes[volume_key(storage, node, volid)] = volume
    return volume


def map_lines(archive: Archive) -> str:
    """Write the lines by which a restore finds the disks of a machine's archive."""
    lines = []
    for key in archive.disks:
        storage, _, name = str(archive.config[key]).split(",", maxsplit=1)[0].partition(":")
        shape = name.rpartition(".")[2] if "." in name else "raw"
        lines.append(f"#qmdump#map:{key}:drive-{key}:{storage}:{shape}:\n")
    return "".join(lines)


@handles("GET", "/nodes/{node}/vzdump/extractconfig")
def extract_config(call: Call) -> str:
    """Return the configuration that a backup holds."""
    volid = str(call.get("volume"))
    check_volume_access(call, volid, None, "backup")
    owner = describe_volume(volid)[1]
    call.need(f"/vms/{owner}", "VM.Backup")  # even from whoever may allocate the whole storage
    volume = find_volume(call.engine, call.node, volid)
    if volume is None or volume.archive is None:
        storage = call.state.storages.get(volid.partition(":")[0])
        raise PveError(
            f"unable to open file '{file_path(storage, volid)}'"
            if storage
            else f"storage '{volid.partition(':')[0]}' does not exist"
        )
    if volume.damaged:
        raise PveError(f"unable to read the configuration of '{volid}'")  # the text differs by storage and version
    text = render(volume.archive.config)
    return text + (map_lines(volume.archive) if volume.archive.kind == "qemu" else "")


@handles("GET", "/nodes/{node}/vzdump/defaults")
def defaults(call: Call) -> Any:
    """Return what a backup does where the call does not say."""
    name = str(call.get("storage") or "local")
    call.need(f"/storage/{name}", "Datastore.Audit", "Datastore.AllocateSpace", any_of=True)
    storage = call.state.storages.get(name)
    retention = storage.options.get("prune-backups", "keep-all=1") if storage else "keep-all=1"
    shown = {
        "all": 0,
        "bwlimit": 0,
        "compress": "0",
        "dumpdir": "/var/lib/vz/dump",
        "fleecing": {"enabled": 0},
        "ionice": 7,
        "lockwait": 180,
        "mailnotification": "always",
        "mode": "snapshot",
        "notification-mode": "auto",
        "performance": {"max-workers": 16, "pbs-entries-max": 1048576},
        "pigz": 0,
        "prune-backups": retention,
        "quiet": 0,
        "remove": 1,
        "stdexcludes": 1,
        "stop": 0,
        "stopwait": 10,
        "storage": name,
        "zstd": 1,
    }
    hidden = () if call.may(f"/nodes/{call.node}", "Sys.Audit") else ("dumpdir", "ionice")
    return {key: value for key, value in shown.items() if key not in hidden}
