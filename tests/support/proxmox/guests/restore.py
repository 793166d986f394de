"""A guest from a backup: its disks' content, its configuration, and what the call overrides."""

from __future__ import annotations

from uuid import uuid4

from tests.support.proxmox.calls import Call
from tests.support.proxmox.errors import PveError
from tests.support.proxmox.guests.cloud_init import copy_cloud_init_drives
from tests.support.proxmox.guests.config_permissions import check_bridges, check_devices
from tests.support.proxmox.guests.configuration import apply_changes
from tests.support.proxmox.guests.drives import (
    NIC,
    UNUSED,
    complete_nic,
    drives,
    is_cdrom,
    is_cloud_init,
    is_drive,
    render,
    volume_id,
    write_size,
)
from tests.support.proxmox.guests.removal import own_images
from tests.support.proxmox.property_strings import read_options, write_options
from tests.support.proxmox.state import Archive, Config, Guest
from tests.support.proxmox.storage.volumes import (
    BACKUP_ONLY,
    FILE_BASED,
    allocate,
    copy_files,
    default_format,
    file_path,
    find_volume,
    storage_on,
)
from tests.support.proxmox.tasks import Task

_DROPPED = frozenset({"lock", "parent", "template"})


def check_archive(call: Call, volid: str) -> Archive:
    """Return a backup's content, or refuse where there is none or it is of the other kind of guest."""
    storage_on(call.engine, call.node, volid.partition(":")[0])
    volume = find_volume(call.engine, call.node, volid)
    if volume is None or volume.archive is None:
        raise PveError(f"volume '{volid}' does not exist")
    if call.get("live-restore") and call.state.storages[volume.storage].kind not in BACKUP_ONLY:
        raise PveError("live-restore is only compatible with backup images from a Proxmox Backup Server")
    if volume.archive.kind != call.kind:
        label = "QemuServer vzdump backup" if call.kind == "qemu" else "LXC vzdump backup"
        raise PveError(
            f"ERROR: file '{file_path(call.state.storages[volume.storage], volid)}' does not look like a {label}"
        )
    return volume.archive


def check_restored(call: Call, volid: str, changes: Config) -> None:
    """Refuse a backup with a bridge or a device that is not the caller's to use, whoever made the backup."""
    config = {**check_archive(call, volid).config, **changes}
    check_bridges(call, config)
    if call.kind == "qemu":
        check_devices(call, config)


def restore_into(call: Call, task: Task, guest: Guest, volid: str, changes: Config) -> None:
    """Fill a guest from a backup; keys of the call stand above the archive's."""
    archive = check_archive(call, volid)
    _log_beginning(call, task, volid, archive)
    volume = find_volume(call.engine, call.node, volid)
    if volume is not None and volume.damaged:
        raise PveError(
            f"unable to restore: '{volid}' can't be read to its end"
        )  # the text differs by storage and version
    guest.config |= {key: value for key, value in archive.config.items() if _survives(guest.kind, key, str(value))}
    _make_cloud_init(call, guest, archive, volid)
    for key, line in drives(guest.kind, archive.config):
        if key in archive.disks:
            guest.config[key] = _restore_disk(call, task, guest, archive, key, line)
    if call.get("unique"):
        _make_unique(call, guest, changes)
    apply_changes(call.engine, guest, {key: value for key, value in changes.items() if key not in archive.disks})
    if guest.kind == "qemu":
        _rescan(call, guest)
    task.log("rescan volumes...") if guest.kind == "qemu" else task.log("merging backed-up and given configuration..")


def _rescan(call: Call, guest: Guest) -> None:
    """Name the images that bear the guest's number, and that its configuration does not name, as unused."""
    named = {volume_id(str(line)) for key, line in guest.config.items() if is_drive("qemu", key) or UNUSED.match(key)}
    for volid in sorted(set(own_images(call.engine, guest.node, guest.vmid)) - named):
        number = next(index for index in range(256) if f"unused{index}" not in guest.config)
        guest.config[f"unused{number}"] = volid


def leave_disks(call: Call, guest: Guest, volid: str) -> None:
    """Leave what a killed worker had allocated: disks that no configuration names."""
    archive = check_archive(call, volid)
    made = {key for key, _ in drives(guest.kind, guest.config)}
    for key in set(archive.disks) - made:
        storage = storage_on(call.engine, guest.node, _storage_for(call, str(archive.config[key])))
        allocate(call.engine, guest.node, storage, guest.vmid, archive.sizes[key], default_format(storage))


def _make_cloud_init(call: Call, guest: Guest, archive: Archive, volid: str) -> None:
    """Make the volumes of cloud-init drives anew; of a file it is the reading command that says why that failed."""
    try:
        copy_cloud_init_drives(call.engine, guest, archive.config, call.get("storage"))
    except PveError as error:
        storage = call.state.storages[volid.partition(":")[0]]
        if storage.kind in BACKUP_ONLY:
            raise
        command = f"set -o pipefail && zstd -q -d -c {file_path(storage, volid)} | vma extract -v -r /var/tmp/vzdumptmp.fifo - /var/tmp/vzdumptmp"
        raise PveError(f"command '{command}' failed: {error.message}") from error


def _storage_for(call: Call, line: str) -> str:
    return str(call.get("storage") or volume_id(line).partition(":")[0])


def _survives(kind: str, key: str, line: str) -> bool:
    """Say whether a line is taken as it is: other CD drives are, disks and cloud-init drives become new volumes."""
    if is_drive(kind, key):
        return is_cdrom(line) and not is_cloud_init(line)
    return key not in _DROPPED and not UNUSED.match(key)


def _log_beginning(call: Call, task: Task, volid: str, archive: Archive) -> None:
    path = file_path(call.state.storages[volid.partition(":")[0]], volid)
    if archive.kind == "qemu":
        task.log(
            f"restore vma archive: zstd -q -d -c {path} | vma extract -v -r /var/tmp/vzdumptmp{task.record.pid}.fifo"
            f" - /var/tmp/vzdumptmp{task.record.pid}",
            f"CFG: size: {len(render(archive.config))} name: qemu-server.conf",
        )
        task.log(
            *(
                f"DEV: dev_id={number} size: {archive.sizes[key]} devname: drive-{key}"
                for number, key in enumerate(archive.disks, 1)
            )
        )
    else:
        task.log(f"recovering backed-up configuration from '{volid}'", f"restoring '{volid}' now..")


def _restore_disk(call: Call, task: Task, guest: Guest, archive: Archive, key: str, line: str) -> str:
    """Make a disk on the storage that the call names, or on the one that it came from."""
    options = read_options(line)
    old = options.pop("", "") or options.pop("file", "") or options.pop("volume", "")
    storage = storage_on(call.engine, guest.node, _storage_for(call, line))
    call.need(f"/storage/{storage.name}", "Datastore.AllocateSpace")
    container = guest.kind == "lxc"
    hint = old.rpartition(".")[2] if storage.kind in FILE_BASED and old.endswith((".qcow2", ".vmdk", ".raw")) else None
    content = "rootdir" if container else "images"
    shape = default_format(storage, hint, container=container)
    volume = allocate(call.engine, guest.node, storage, guest.vmid, archive.sizes[key], shape, content)
    volume.files = copy_files(archive.disks[key])
    task.log(f"new volume ID is '{volume.volid}'")
    return write_options({"": volume.volid, **options, "size": write_size(volume.size)})


def _make_unique(call: Call, guest: Guest, changes: Config) -> None:
    """Give a copy its own MAC addresses and identity, so that it can stand beside the original."""
    for key, line in guest.config.items():
        if NIC.match(key) and key not in changes:
            guest.config[key] = complete_nic(call.engine, guest.kind, str(line), fresh=True)
    if guest.kind == "qemu":
        if "vmgenid" in guest.config:
            guest.config["vmgenid"] = str(uuid4())
        if "smbios1" in guest.config:
            options = read_options(str(guest.config["smbios1"]))
            guest.config["smbios1"] = write_options({**options, "uuid": str(uuid4())})
