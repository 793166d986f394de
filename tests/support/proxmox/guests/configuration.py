"""A guest's configuration: read, changed, and what is pending."""

from __future__ import annotations

import re
from typing import Any

from tests.support.proxmox.calls import Call, handles
from tests.support.proxmox.engine import Engine
from tests.support.proxmox.errors import PveError, refuse_parameters
from tests.support.proxmox.formats import split_list
from tests.support.proxmox.guests.cloud_init import make_cloud_init_drive
from tests.support.proxmox.guests.config_permissions import check_bridges, check_disk_sources, check_keys
from tests.support.proxmox.guests.drives import (
    NIC,
    UNUSED,
    complete_nic,
    digest,
    disks,
    is_cdrom,
    is_drive,
    parse_size,
    volume_id,
    write_size,
)
from tests.support.proxmox.property_strings import read_options, write_options
from tests.support.proxmox.state import GIBIBYTE, Config, Guest
from tests.support.proxmox.storage.volumes import (
    allocate,
    copy_files,
    default_format,
    find_volume,
    refuse_if_full,
    release,
    storage_on,
    written,
)
from tests.support.proxmox.tasks import Task

# Parameters of the call itself, beside the keys of the configuration.
_CALL_ONLY = {
    "node",
    "vmid",
    "digest",
    "delete",
    "revert",
    "skiplock",
    "force",
    "background_delay",
    "import-working-storage",
}


def check_lock(guest: Guest, *, skip: bool = False) -> None:
    """Refuse to touch a guest that another operation holds, or held when it died."""
    if guest.config.get("lock") and not skip:
        raise PveError(f"{guest.label} is locked ({guest.config['lock']})")


def check_skiplock(call: Call) -> bool:
    """Return whether locks are passed over, which only root may ask for."""
    if call.get("skiplock") and not call.who.is_root:
        raise refuse_parameters(skiplock="Only root may use this option.")
    return bool(call.get("skiplock"))


def normalise_tags(text: str) -> str:
    """Write tags as the configuration does."""
    return ";".join(sorted(set(split_list(text.lower()))))


def place_disk(engine: Engine, guest: Guest, key: str, line: str, shape: str | None = None) -> str:
    """Make the volume that `STORAGE:SIZE` asks for and return the line that the configuration keeps."""
    options = read_options(line)
    named = options.pop("", "") or options.pop("file", "") or options.pop("volume", "")
    if named in {"none", "cdrom"}:
        return write_options({"": named, **options})
    storage = storage_on(engine, guest.node, named.partition(":")[0])
    wanted = named.partition(":")[2]
    container = guest.kind == "lxc"
    image = options.pop("format", None) or shape
    if wanted == "cloudinit":
        return make_cloud_init_drive(engine, guest, storage)
    if re.fullmatch(r"\d+(\.\d+)?", wanted):
        source = options.pop("import-from", None)
        origin = find_volume(engine, guest.node, source) if source else None
        if source and origin is None:
            raise PveError(f"volume '{source}' does not exist")
        size = origin.size if origin else int(float(wanted) * GIBIBYTE)
        chosen = default_format(storage, image, container=container)
        made = allocate(engine, guest.node, storage, guest.vmid, size, chosen, "rootdir" if container else "images")
        made.files = copy_files(origin.files) if origin else {}
        return write_options({"": made.volid, **options, "size": write_size(size)})
    volume = find_volume(engine, guest.node, named)
    if volume is None:
        raise PveError(f"volume '{named}' does not exist")
    if not is_cdrom(line):
        options["size"] = write_size(volume.size)
    return write_options({"": named, **options})


def apply_changes(engine: Engine, guest: Guest, changes: Config, shape: str | None = None) -> None:
    """Put keys into a guest's configuration, making the disks and MAC addresses that they ask for."""
    for key, value in changes.items():
        if is_drive(guest.kind, key):
            placed = place_disk(engine, guest, key, str(value), shape)
            _retire(engine, guest, key, placed)
            guest.config[key] = placed
        elif NIC.match(key):
            old = read_options(str(guest.config.get(key, "")))
            guest.config[key] = complete_nic(engine, guest.kind, _keep_mac(str(value), old, guest.kind))
        elif key == "tags":
            guest.config[key] = normalise_tags(str(value))
        else:
            guest.config[key] = value


def _keep_mac(line: str, old: dict[str, str], kind: str) -> str:
    """A container's card keeps its address where the new line names none; a machine's gets a new one, as in Proxmox VE."""
    options = read_options(line)
    if kind == "lxc" and "hwaddr" not in options and "hwaddr" in old:
        options["hwaddr"] = old["hwaddr"]
    return write_options(options)


def _retire(engine: Engine, guest: Guest, key: str, line: str = "") -> None:
    """Keep a disk that loses its place as an unused volume."""
    old = guest.config.get(key)
    if old is None or is_cdrom(str(old)) or volume_id(str(old)) == volume_id(line):
        return
    number = next(index for index in range(256) if f"unused{index}" not in guest.config)
    guest.config[f"unused{number}"] = volume_id(str(old))
    del guest.config[key]


def remove_keys(engine: Engine, guest: Guest, keys: list[str], *, force: bool) -> None:
    """Take keys out of a configuration; an unused disk goes for good, one in use only where that is forced."""
    for key in keys:
        if key not in guest.config:
            continue
        if UNUSED.match(key) or (force and is_drive(guest.kind, key)):
            release(engine, guest.node, volume_id(str(guest.config.pop(key))))
        elif is_drive(guest.kind, key) and not is_cdrom(str(guest.config[key])):
            _retire(engine, guest, key)
        else:
            guest.config.pop(key)


@handles("GET", "/nodes/{node}/{guest}/{vmid}/config")
def read_config(call: Call) -> Any:
    """Return the configuration as it will be after the next start, as it is now with `current`, or a snapshot's."""
    guest = call.guest
    snapshot = call.get("snapshot")
    if snapshot:
        if snapshot not in guest.snapshots:
            raise PveError(f"snapshot '{snapshot}' does not exist")
        return dict(guest.snapshots[snapshot].config)
    shown = dict(guest.config if call.get("current") else guest.coming)
    if guest.parent:
        shown["parent"] = guest.parent
    if "cipassword" in shown:
        shown["cipassword"] = "**********"
    return {**shown, "digest": digest(guest.config)}


@handles("GET", "/nodes/{node}/{guest}/{vmid}/pending")
def read_pending(call: Call) -> Any:
    """Return the configuration key by key, with what waits for the next start; what the API changes here takes effect at once."""
    guest = call.guest
    listed = []
    for key in {**guest.config, "parent": guest.parent, **guest.pending}:
        value = guest.parent if key == "parent" else guest.config.get(key)
        entry: dict[str, Any] = {"key": key} | ({} if value is None else {"value": value})
        if key in guest.pending:
            waits = guest.pending[key]
            entry |= {"delete": 1} if waits is None else {"pending": waits}
        listed += [entry] if len(entry) > 1 else []
    return listed


def _prepare(call: Call) -> tuple[Guest, Config, list[str]]:
    """Check a change and return what it sets and what it removes."""
    guest = call.guest
    changes = {key: value for key, value in call.given.items() if key not in _CALL_ONLY}
    removed = split_list(str(call.get("delete", "")))
    if not changes and not removed and not call.get("revert"):
        raise PveError("no options specified")
    for key in removed:
        if key in changes:
            raise refuse_parameters(delete=f"duplicate key in 'delete' and set parameter '{key}'")
    skip = check_skiplock(call)
    check_keys(call, guest.vmid, None, changes, set(removed))
    check_disk_sources(call, guest.vmid, changes)
    # Whoever takes a card off a bridge must be allowed to use that bridge as well as the new one.
    touched = {*changes, *removed}
    check_bridges(call, {key: line for key, line in guest.config.items() if key in touched})
    check_bridges(call, changes)
    if call.get("digest") and call.get("digest") != digest(guest.config):
        raise PveError("checksum mismatch (file change by other user?)")
    check_lock(guest, skip=skip)
    _check_boot_order(guest, changes, removed)
    call.write_guest()
    return guest, changes, removed


def _check_boot_order(guest: Guest, changes: Config, removed: list[str]) -> None:
    order = read_options(str(changes.get("boot", ""))).get("order", "")
    there = {*guest.config, *changes} - set(removed)
    for device in filter(None, order.split(";")):
        if device not in there:
            raise refuse_parameters(boot=f"invalid bootorder: device '{device}' does not exist'")


@handles("PUT", "/nodes/{node}/{guest}/{vmid}/config")
def change_config(call: Call) -> None:
    """Change the configuration at once."""
    guest, changes, removed = _prepare(call)
    remove_keys(call.engine, guest, removed, force=bool(call.get("force")))
    apply_changes(call.engine, guest, changes)


@handles("POST", "/nodes/{node}/qemu/{vmid}/config")
def change_config_in_task(call: Call) -> str:
    """Change the configuration in a task."""
    guest, changes, removed = _prepare(call)

    async def work(task: Task) -> None:
        task.log(f"update VM {guest.vmid}: " + " ".join(f"-{key} {value}" for key, value in changes.items()))
        await task.work()
        remove_keys(call.engine, guest, removed, force=bool(call.get("force")))
        apply_changes(call.engine, guest, changes)

    return call.task("qmconfig", guest.vmid, work)


@handles("PUT", "/nodes/{node}/{guest}/{vmid}/resize")
def resize(call: Call) -> str:
    """Grow a disk."""
    guest = call.guest
    key, text = str(call.get("disk")), str(call.get("size"))
    check_lock(guest, skip=check_skiplock(call))
    call.write_guest()
    volume = dict(disks(call.engine, guest)).get(key)
    if volume is None:
        raise PveError(f"disk '{key}' does not exist")
    size = volume.size + parse_size(text[1:]) if text.startswith("+") else parse_size(text)
    if size < volume.size:
        raise PveError("shrinking disks is not supported" if guest.kind == "qemu" else "unable to shrink disk size")

    async def work(task: Task) -> None:
        await task.work()
        refuse_if_full(call.engine, call.state.storages[volume.storage], f"resize of '{volume.volid}' failed")
        volume.size = size
        options = read_options(str(guest.config[key]))
        guest.config[key] = write_options({**options, "size": write_size(size)})

    return call.task("resize", guest.vmid, work)


@handles("GET", "/nodes/{node}/qemu/{vmid}/cloudinit")
def cloud_init(call: Call) -> Any:
    """Return the cloud-init keys; the drive is generated anew with each change here."""
    keys = {"ciuser", "cipassword", "citype", "cicustom", "ciupgrade", "nameserver", "searchdomain", "sshkeys", "name"}
    return [
        {"key": key, "value": "**********" if key == "cipassword" else value}
        for key, value in call.guest.config.items()
        if key in keys or key.startswith("ipconfig")
    ]


def disk_usage(engine: Engine, guest: Guest) -> tuple[int, int]:
    """Return what a guest's first disk takes and how large it is."""
    first = next((volume for _, volume in disks(engine, guest)), None)
    return (written(first), first.size) if first else (0, 0)
