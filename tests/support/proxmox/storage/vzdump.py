"""Backups of guests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.support.proxmox.calls import Call, handles
from tests.support.proxmox.errors import PveError, refuse_parameters
from tests.support.proxmox.formats import split_list
from tests.support.proxmox.guests.agent import agent_answers
from tests.support.proxmox.guests.configuration import check_lock
from tests.support.proxmox.guests.drives import disks, write_size
from tests.support.proxmox.property_strings import read_options
from tests.support.proxmox.state import Guest, Storage, Volume
from tests.support.proxmox.storage.archives import store_archive, take_archive, takes_part
from tests.support.proxmox.storage.content import check_protection_limit, retention_for
from tests.support.proxmox.storage.retention import mark_backups
from tests.support.proxmox.storage.volumes import allocate, file_path, refuse_if_full, release, storage_on, volumes_on
from tests.support.proxmox.tasks import Task

_ROOT_ONLY = ("tmpdir", "dumpdir", "script")
_COSTLY = ("bwlimit", "ionice", "performance")


def check_backup_parameters(call: Call) -> None:
    """Refuse the options that ask for more than the right to back up."""
    if call.who.is_root:
        return
    for name in _ROOT_ONLY:
        if name in call.given:
            raise refuse_parameters(**{name: "Only root may set this option."})
    if any(name in call.given for name in _COSTLY):
        call.need("/", "Sys.Modify")
    fleecing = fleecing_storage(call)
    if fleecing:
        call.need(f"/storage/{fleecing}", "Datastore.AllocateSpace")


def fleecing_storage(call: Call) -> str | None:
    """Return the storage that takes old blocks while a backup runs, where one is asked for."""
    options = read_options(str(call.get("fleecing", "")))
    enabled = options.get("enabled", options.get("", "0")) in {"1", "on", "yes", "true"}
    return options.get("storage") if enabled else None


@handles("POST", "/nodes/{node}/vzdump")
def back_up(call: Call) -> str:
    """Back up guests in a task; where none of them is on this node there is nothing to do."""
    check_backup_parameters(call)
    storage = str(call.get("storage") or "local")
    if call.get("prune-backups") and not call.who.is_root:
        call.need(f"/storage/{storage}", "Datastore.Allocate")
    _check_selection(call)
    if call.get("storage"):
        call.need(f"/storage/{storage}", "Datastore.AllocateSpace")
    chosen = _chosen(call)
    if not chosen and not call.get("all"):
        return "OK"

    async def work(task: Task) -> None:
        target = _activate(call, storage)
        # One backup job runs on a node at a time; the others wait.
        async with call.engine.tasks.lock(f"vzdump {call.node}"):
            await _run_job(call, task, target, chosen)

    return call.task("vzdump", chosen[0] if len(chosen) == 1 else "", work)


def _check_selection(call: Call) -> None:
    """Refuse options of the command line, and more or less than one way to say what is backed up."""
    elsewhere = "option is only allowed on the command line interface."
    if call.get("stdout"):
        raise refuse_parameters(stdout=elsewhere)
    for option in ("all", "exclude", "pool"):
        if call.get(option) and call.get("vmid"):
            raise refuse_parameters(**{option: "option conflicts with option 'vmid'"})
    if not any(call.get(option) for option in ("all", "exclude", "pool", "vmid", "stop")):
        raise refuse_parameters(vmid="property is missing")
    if call.get("pool") and call.get("pool") not in call.state.pools:
        raise PveError(f"pool '{call.get('pool')}' does not exist")


def _chosen(call: Call) -> list[int]:
    """Return the guests to back up; one that is on another node is left out, one that is nowhere stays in as an error."""
    guests = call.state.guests
    everything = call.get("all") or call.get("exclude")
    if everything or call.get("pool"):
        wanted = sorted(guests) if everything else sorted(call.state.pools[str(call.get("pool"))].vms)
        excluded = set(split_list(str(call.get("exclude", ""))))
        mine = [vmid for vmid in wanted if guests[vmid].node == call.node and str(vmid) not in excluded]
        return [vmid for vmid in mine if call.may(f"/vms/{vmid}", "VM.Backup")]
    wanted = [int(entry) for entry in split_list(str(call.get("vmid", "")))]
    return [vmid for vmid in wanted if vmid not in guests or guests[vmid].node == call.node]


def _activate(call: Call, name: str) -> Storage:
    try:
        storage = storage_on(call.engine, call.node, name)
    except PveError as error:
        raise PveError(
            f"could not activate storage '{name}': {error.message}\ncould not get storage information for '{name}': {error.message}"
        ) from None
    if "backup" not in storage.content.split(","):
        raise PveError(
            f"could not get storage information for '{name}': can't use storage '{name}' for backups - wrong content type"
        )
    return storage


async def _run_job(call: Call, task: Task, storage: Storage, chosen: list[int]) -> None:
    options = " ".join(f"--{key} {_quoted(value)}" for key, value in call.given.items() if key != "vmid")
    task.log(f"INFO: starting new backup job: vzdump {' '.join(map(str, chosen))} {options}")
    failed = False
    for vmid in chosen:
        call.need(f"/vms/{vmid}", "VM.Backup")
        try:
            await _back_up_one(call, task, storage, vmid)
        except PveError as error:
            failed = True
            task.log(f"ERROR: Backup of VM {vmid} failed - {error.message}", f"INFO: Failed at {_stamp(call)}")
    task.log("INFO: Backup job finished with errors" if failed else "INFO: Backup job finished successfully")
    if failed:
        raise PveError("job errors")


def _quoted(value: Any) -> str:
    return str(value) if str(value).replace("-", "").replace("=", "").replace(",", "").isalnum() else f"'{value}'"


def _stamp(call: Call) -> str:
    return datetime.fromtimestamp(call.state.now(), UTC).strftime("%Y-%m-%d %H:%M:%S")


async def _back_up_one(call: Call, task: Task, storage: Storage, vmid: int) -> None:
    guest = call.state.guests.get(vmid)
    if guest is None:
        raise PveError(f"unable to find VM '{vmid}'")
    mode = str(call.get("mode", "snapshot"))
    task.log(
        f"INFO: Starting Backup of VM {vmid} ({guest.kind})",
        f"INFO: Backup started at {_stamp(call)}",
        f"INFO: status = {guest.status}",
    )
    check_lock(guest)
    call.write_guest_of(guest)
    guest.config["lock"] = "backup"
    parked: list[Volume] = []
    try:
        task.log(
            f"INFO: backup mode: {mode if guest.running else 'stop'}",
            "INFO: ionice priority: 7",
            f"INFO: {guest.label} Name: {guest.name}",
        )
        parked = _park(call, guest)
        _log_disks(call, task, guest)
        await _copy(call, task, storage, guest, mode)
    finally:
        guest.config.pop("lock", None)
        guest.frozen = False
        for volume in parked:
            release(call.engine, guest.node, volume.volid)
    task.log(f"INFO: Finished Backup of VM {vmid} (00:00:01)", f"INFO: Backup finished at {_stamp(call)}")


def _park(call: Call, guest: Guest) -> list[Volume]:
    """Make the images that take old blocks while the guest goes on writing; on thick storage they take the disk's full size."""
    name = fleecing_storage(call)
    if not name or guest.kind == "lxc" or not guest.running:
        return []
    storage = storage_on(call.engine, guest.node, name)
    made = []
    for _, volume in disks(call.engine, guest):
        made.append(allocate(call.engine, guest.node, storage, guest.vmid, volume.size, "raw", stem="fleece"))
    return made


def _log_disks(call: Call, task: Task, guest: Guest) -> None:
    for key, volume in disks(call.engine, guest):
        if takes_part(guest, key):
            task.log(f"INFO: include disk '{key}' '{volume.volid}' {write_size(volume.size)}")
        else:
            task.log(f"INFO: exclude disk '{key}' '{volume.volid}' (backup=no)")


async def _copy(call: Call, task: Task, storage: Storage, guest: Guest, mode: str) -> None:
    """Copy the guest as it is when the backup starts; what it writes later is not in it."""
    if mode == "stop" and guest.running:
        task.log("INFO: stopping vm")
        guest.memory = {}
    frozen = mode == "snapshot" and agent_answers(call, guest)
    if frozen:
        guest.frozen = True
        task.log("INFO: issuing guest-agent 'fs-freeze' command")
    archive = take_archive(call.engine, guest)
    if frozen:
        guest.frozen = False
        task.log("INFO: issuing guest-agent 'fs-thaw' command")
    await task.work()
    refuse_if_full(call.engine, storage, "vma_queue_write: write error" if guest.kind == "qemu" else "write error")
    if call.get("protected"):
        check_protection_limit(call, storage, guest.vmid)
    volume = store_archive(call.engine, guest.node, storage, archive, str(call.get("compress", "0")))
    task.log(
        f"INFO: creating vzdump archive '{file_path(storage, volume.volid)}'",
        "INFO: 100% (1.0 GiB of 1.0 GiB) in 1s, read: 1.0 GiB/s, write: 140.0 KiB/s",
        f"INFO: archive file size: {volume.size // 1024}KB",
    )
    if call.get("notes-template"):
        volume.notes = _fill_notes(call, guest, str(call.get("notes-template")))
        task.log("INFO: adding notes to backup")
    if call.get("protected"):
        volume.protected = True
        task.log("INFO: marking backup as protected")
    _prune(call, task, storage, guest)


def _fill_notes(call: Call, guest: Guest, template: str) -> str:
    values = {"cluster": call.state.name, "guestname": guest.name, "node": guest.node, "vmid": str(guest.vmid)}
    for name, value in values.items():
        template = template.replace("{{" + name + "}}", value)
    return template.replace("\\n", "\n")


def _prune(call: Call, task: Task, storage: Storage, guest: Guest) -> None:
    retention = retention_for(call, storage)
    if not call.get("remove", 1) or "keep-all" in retention:
        return
    task.log(f"INFO: prune older backups with retention: {retention}")
    found = [
        one
        for one in volumes_on(call.engine, guest.node, storage)
        if one.content == "backup" and one.vmid == guest.vmid
    ]
    removed = [volid for volid, mark in mark_backups(found, retention).items() if mark == "remove"]
    for volid in removed:
        task.log(f"INFO: removing backup '{volid}'")
        release(call.engine, guest.node, volid)
    task.log(f"INFO: pruned {len(removed)} backup(s) not covered by keep-retention policy")
