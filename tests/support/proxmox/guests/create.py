"""New guests, from nothing, from a template file or from a backup."""

from __future__ import annotations

from uuid import uuid4

from tests.support.proxmox.calls import Call, handles
from tests.support.proxmox.errors import PveError, forbid, refuse_parameters
from tests.support.proxmox.guests.cloud_init import cloud_init_drives
from tests.support.proxmox.guests.config_permissions import check_bridges, check_disk_sources, check_keys
from tests.support.proxmox.guests.configuration import apply_changes
from tests.support.proxmox.guests.drives import NIC, drives, is_drive
from tests.support.proxmox.guests.power import start
from tests.support.proxmox.guests.removal import erase_disks, erase_replaced
from tests.support.proxmox.guests.restore import check_archive, check_restored, leave_disks, restore_into
from tests.support.proxmox.state import Config, Guest
from tests.support.proxmox.storage.access import check_volume_access
from tests.support.proxmox.storage.volumes import BACKUP_ONLY, find_volume
from tests.support.proxmox.tasks import Task

# Parameters that are no keys of the configuration.
_CALL_ONLY = frozenset(
    {
        "node",
        "vmid",
        "archive",
        "bwlimit",
        "force",
        "ha-managed",
        "ignore-unpack-errors",
        "import-working-storage",
        "live-restore",
        "ostemplate",
        "password",
        "pool",
        "restore",
        "ssh-public-keys",
        "start",
        "storage",
        "unique",
    }
)
# What a restore leaves of a configuration that it did not get to write.
_UNFINISHED: Config = {"memory": "128"}
_LXC_DEFAULTS: Config = {"arch": "amd64", "memory": 512, "ostype": "debian", "swap": 512}


@handles("POST", "/nodes/{node}/qemu")
def create_machine(call: Call) -> str:
    """Create a virtual machine, or restore one where an archive is named."""
    return _create(call, str(call.get("archive")) if call.get("archive") else None)


@handles("POST", "/nodes/{node}/lxc")
def create_container(call: Call) -> str:
    """Create a container from a template file, or restore one."""
    return _create(call, str(call.get("ostemplate")) if call.get("restore") else None)


def _create(call: Call, archive: str | None) -> str:
    vmid = call.vmid
    pool = call.get("pool")
    changes = {key: value for key, value in call.given.items() if key not in _CALL_ONLY}
    if call.engine.faults.quorum_lost:
        raise PveError("cluster not ready - no quorum?")
    _check_allocation(call, archive)
    if archive:
        _check_restore(call, archive, changes)
    _check_parameters(call, changes, pool, archive)
    guest = _claim(call, archive)

    async def work(task: Task) -> None:
        if archive:
            await _restore(call, task, guest, archive, changes)
        else:
            await _make(call, task, guest, changes)
        guest.config.pop("lock", None)
        if pool:
            _join(call, vmid, str(pool))
        if call.get("start"):
            _start(call, task)

    return call.task(_task_kind(call, archive), vmid, work)


async def _make(call: Call, task: Task, guest: Guest, changes: Config) -> None:
    """Make a guest; where that fails its number is free again."""
    try:
        await task.work()
        _build(call, guest, changes)
    except BaseException:
        erase_disks(call.engine, guest)
        call.state.guests.pop(guest.vmid, None)
        raise


async def _restore(call: Call, task: Task, guest: Guest, archive: str, changes: Config) -> None:
    """Restore a guest; where that fails a machine stays behind without disks, as in Proxmox VE, and a container does not.

    The first that a restore writes is a configuration of one line, and from a backup server a lock beside it.
    """
    begun = False
    try:
        _refuse_overwriting(guest)
        check_restored(call, archive, changes)
        begun = True
        held = check_archive(call, archive)
        erase_replaced(call.engine, guest, [*held.disks, *(key for key, _ in cloud_init_drives(held.config))])
        from_server = call.state.storages[archive.partition(":")[0]].kind in BACKUP_ONLY
        guest.config = {**_UNFINISHED, **({"lock": "create"} if from_server or guest.kind == "lxc" else {})}
        guest.snapshots, guest.parent, guest.mounts = {}, None, {}
        if call.get("live-restore"):
            # The guest reads from the backup what is not on its disks yet.
            restore_into(call, task, guest, archive, changes)
            guest.status = "running"
            task.log("VM is running, restoring in the background")
            await task.work()
        else:
            await task.work()
            restore_into(call, task, guest, archive, changes)
    except BaseException as error:
        task.log(
            "error before or during data restore, some or all disks were not completely restored."
            f" {guest.label} {guest.vmid} state is NOT cleaned up."
        )
        guest.config.pop("lock", None)
        if begun:
            if isinstance(error, PveError) or guest.kind == "lxc":
                erase_disks(call.engine, guest)
            else:
                leave_disks(call, guest, archive)
            guest.config = dict(_UNFINISHED)
            guest.status = "stopped"
            if guest.kind == "lxc":
                call.state.guests.pop(guest.vmid, None)
        raise


def _start(call: Call, task: Task) -> None:
    """Start the new guest in a task of its own, which nobody waits for; that it cannot start is no failure of this one."""
    task.log("Execute autostart")
    try:
        start(Call(call.engine, call.who, {"node": call.node, "vmid": call.vmid}, call.kind))
    except PveError as error:
        task.log(error.message)


def _task_kind(call: Call, archive: str | None) -> str:
    return ("qm" if call.kind == "qemu" else "vz") + ("restore" if archive else "create")


def _check_allocation(call: Call, archive: str | None) -> None:
    """Allow the number to be taken: by right on it, by right on the pool, or to restore over what stands there."""
    vmid, pool = call.vmid, call.get("pool")
    if pool and pool not in call.state.pools:
        raise forbid(f"pool '{pool}' does not exist")
    overwrites = archive and call.get("force") and vmid in call.state.guests
    allowed = (
        call.may(f"/vms/{vmid}", "VM.Allocate")
        or (pool and call.may(f"/pool/{pool}", "VM.Allocate"))
        or (overwrites and call.may(f"/vms/{vmid}", "VM.Backup"))
    )
    if not allowed:
        raise forbid()


def _check_restore(call: Call, archive: str, changes: Config) -> None:
    if call.kind == "qemu":
        for key in sorted(changes):
            if is_drive("qemu", key):
                raise refuse_parameters(**{key: "option conflicts with option 'archive'"})
    check_volume_access(call, archive, call.vmid, "backup")
    check_archive(call, archive)


def _check_parameters(call: Call, changes: Config, pool: str | None, archive: str | None) -> None:
    storage = call.get("storage")
    if storage:
        call.need(f"/storage/{storage}", "Datastore.AllocateSpace")
    if not archive and call.kind == "lxc":
        template = str(call.get("ostemplate"))
        check_volume_access(call, template, call.vmid, "vztmpl")
        if find_volume(call.engine, call.node, template) is None:
            raise PveError(f"volume '{template}' does not exist")
    check_disk_sources(call, call.vmid, changes, storage)
    # Who may allocate the machine may give it the disks that the storage check allowed.
    check_keys(call, call.vmid, pool, {key: value for key, value in changes.items() if not is_drive(call.kind, key)})
    check_bridges(call, changes)


def _claim(call: Call, archive: str | None) -> Guest:
    """Write the empty configuration that takes the number, or lock the guest that is to be overwritten."""
    vmid, label = call.vmid, "VM" if call.kind == "qemu" else "CT"
    emsg = f"unable to {'restore' if archive else 'create'} {label} {vmid} -"
    call.write_guest()
    old = call.state.guests.get(vmid)
    if old is not None:
        if not (archive and call.get("force")) or old.kind != call.kind or old.node != call.node:
            raise PveError(f"{emsg} {old.label} {vmid} already exists on node '{old.node}'")
        if call.kind == "lxc" and old.running:
            raise PveError("can't overwrite running container")
        if old.config.get("lock"):
            raise PveError(f"{emsg} {label} is locked ({old.config['lock']})")
        old.config["lock"] = "create"
        return old
    guest = Guest(vmid=vmid, kind=call.kind, node=call.node, config={"lock": "create"})
    call.state.guests[vmid] = guest
    return guest


def _refuse_overwriting(guest: Guest) -> None:
    """Refuse to restore over a guest that runs or is protected."""
    emsg = f"unable to restore {guest.label} {guest.vmid} -"
    if guest.config.get("protection"):
        raise PveError(f"{emsg} protection mode enabled")
    if guest.running:
        raise PveError(f"{emsg} vm is running")


def _build(call: Call, guest: Guest, changes: Config) -> None:
    """Make a guest from nothing."""
    if guest.kind == "qemu":
        created = {"meta": f"creation-qemu=10.0.13,ctime={call.state.now()}"}
        guest.config |= {**created, "smbios1": f"uuid={uuid4()}", "vmgenid": str(uuid4())}
        apply_changes(call.engine, guest, changes)
        if "boot" not in guest.config:
            order = [key for key, _ in drives("qemu", guest.config)] + sorted(
                key for key in guest.config if NIC.match(key)
            )
            if order:
                guest.config["boot"] = f"order={';'.join(order)}"
        return
    guest.config |= _LXC_DEFAULTS | {"hostname": f"CT{guest.vmid}"}
    changes = {"rootfs": f"{call.get('storage', 'local')}:4", **changes}
    apply_changes(call.engine, guest, changes)


def _join(call: Call, vmid: int, pool: str) -> None:
    members = call.state.pools[pool].vms
    if vmid not in members:
        members.append(vmid)
