"""Start, stop, shutdown, reboot, suspend and resume."""

from __future__ import annotations

import time
from typing import Any

from tests.support.proxmox.calls import Call, handles
from tests.support.proxmox.engine import Engine
from tests.support.proxmox.errors import PveError
from tests.support.proxmox.guests import high_availability
from tests.support.proxmox.guests.configuration import check_lock, check_skiplock, disk_usage
from tests.support.proxmox.guests.drives import NIC, disks, is_drive, volume_id
from tests.support.proxmox.guests.no_cloud import no_cloud_files
from tests.support.proxmox.guests.readings import container_reading, machine_reading
from tests.support.proxmox.property_strings import read_options
from tests.support.proxmox.state import Guest
from tests.support.proxmox.storage.volumes import find_volume, storage_on
from tests.support.proxmox.tasks import Task


def bridges_on(engine: Engine, node: str) -> set[str]:
    """Return the bridges that a node has, virtual networks included."""
    return {*engine.state.nodes[node].interfaces, *engine.state.section("vnets")}


def power_on(engine: Engine, guest: Guest) -> None:
    """Start a guest with what waited for that, or say what it lacks."""
    guest.config, guest.pending = guest.coming, {}
    for key, line in guest.config.items():
        if is_drive(guest.kind, key) and volume_id(str(line)) not in {"none", "cdrom"}:
            storage_on(engine, guest.node, volume_id(str(line)).partition(":")[0])
            if find_volume(engine, guest.node, volume_id(str(line))) is None:
                raise PveError(f"volume '{volume_id(str(line))}' does not exist")
        if NIC.match(key):
            bridge = read_options(str(line)).get("bridge")
            if bridge and bridge not in bridges_on(engine, guest.node):
                raise PveError(f"bridge '{bridge}' does not exist")
    guest.status = "running"
    guest.started = time.time()
    guest.pid = 24000 + engine.state.next_number()
    if body := engine.body_of(guest):
        body.power_on(guest, no_cloud_files(guest))


def power_off(engine: Engine, guest: Guest) -> None:
    """Stop a guest; what was only in its memory is gone."""
    guest.status = "stopped"
    guest.memory = {}
    guest.frozen = False
    guest.executions = {}
    guest.pid = 0
    if body := engine.body_of(guest):
        body.power_off(guest)


def _prefix(call: Call) -> str:
    return "qm" if call.kind == "qemu" else "vz"


@handles("POST", "/nodes/{node}/{guest}/{vmid}/status/start")
def start(call: Call) -> str:
    """Start a guest; that it runs already is a container's answer and a machine's task's end."""
    guest = call.guest
    skip = check_skiplock(call)
    if guest.kind == "lxc" and guest.running:
        raise PveError(f"CT {guest.vmid} already running")
    if call.engine.faults.quorum_lost:
        raise PveError("cluster not ready - no quorum?")
    service = high_availability.service_of(call, guest)
    if service is not None:
        return high_availability.request(call, guest, service, "start", lambda: _power_on_late(call, guest))

    async def work(task: Task) -> None:
        if guest.config.get("template"):
            raise PveError(
                "you can't start a vm if it's a template"
                if guest.kind == "qemu"
                else "you can't start a CT if it's a template"
            )
        if guest.running and guest.config.get("lock") == "backup":
            return  # the process that its backup runs in goes on as the machine itself
        check_lock(guest, skip=skip)
        if guest.running:
            raise PveError(f"VM {guest.vmid} already running")
        await task.work()
        power_on(call.engine, guest)

    return call.task(f"{_prefix(call)}start", guest.vmid, work)


def _power_on_late(call: Call, guest: Guest) -> None:
    if not guest.running and not guest.config.get("lock"):
        power_on(call.engine, guest)


def _stop(call: Call, action: str) -> str:
    guest = call.guest
    skip = check_skiplock(call)
    if guest.kind == "lxc" and not guest.running:
        raise PveError(f"CT {guest.vmid} not running")
    service = high_availability.service_of(call, guest)
    if service is not None and action == "stop":
        return high_availability.request(call, guest, service, "stop", lambda: power_off(call.engine, guest))

    async def work(task: Task) -> None:
        check_lock(guest, skip=skip)
        await task.work()
        power_off(call.engine, guest)

    return call.task(f"{_prefix(call)}{action}", guest.vmid, work)


@handles("POST", "/nodes/{node}/{guest}/{vmid}/status/stop")
def stop(call: Call) -> str:
    """Cut a guest's power."""
    return _stop(call, "stop")


@handles("POST", "/nodes/{node}/{guest}/{vmid}/status/shutdown")
def shutdown(call: Call) -> str:
    """Ask a guest to shut down; a machine that is off already ends the task well."""
    return _stop(call, "shutdown")


@handles("POST", "/nodes/{node}/{guest}/{vmid}/status/reboot")
@handles("POST", "/nodes/{node}/qemu/{vmid}/status/reset")
def reboot(call: Call) -> str:
    """Start a running guest anew."""
    guest = call.guest
    if not guest.running:
        raise PveError(f"{guest.label} {guest.vmid} not running")

    async def work(task: Task) -> None:
        check_lock(guest)
        await task.work()
        power_off(call.engine, guest)
        power_on(call.engine, guest)

    return call.task(f"{_prefix(call)}reboot", guest.vmid, work)


@handles("POST", "/nodes/{node}/{guest}/{vmid}/template")
def make_template(call: Call) -> Any:
    """Turn a stopped guest into a template."""
    guest = call.guest
    short = guest.label
    check_lock(guest)
    if guest.snapshots:
        raise PveError(f"unable to create template, because {short} contains snapshots")
    if guest.config.get("template"):
        raise PveError("you can't convert a template to a template")
    if guest.running:
        raise PveError(f"you can't convert a {short} to template if {short} is running")
    call.write_guest()

    async def work(task: Task) -> None:
        await task.work()
        guest.config["template"] = 1

    if guest.kind == "lxc":
        guest.config["template"] = 1
        return None
    return call.task("qmtemplate", guest.vmid, work)


@handles("GET", "/nodes/{node}/{guest}/{vmid}/status/current")
def current(call: Call) -> Any:
    """Return what a guest does now."""
    guest = call.guest
    reading = machine_reading(call.engine, guest) if guest.kind == "qemu" else container_reading(call.engine, guest)
    reading["ha"] = {"managed": int(high_availability.service_of(call, guest) is not None)}
    if guest.kind == "lxc":
        return reading
    reading |= {"qmpstatus": guest.status, "clipboard": None}
    if "agent" in guest.config:
        reading["agent"] = 1
    if guest.running:
        size = disk_usage(call.engine, guest)[1]
        reading |= {
            "running-machine": "pc-i440fx-10.0+pve1",
            "running-qemu": "10.0.13",
            "balloon": reading["maxmem"],
            "ballooninfo": {"actual": reading["maxmem"], "max_mem": reading["maxmem"]},
            "blockstat": {key: _block_statistics(size) for key, _ in disks(call.engine, guest)},
            "nics": {
                f"tap{guest.vmid}i{key[3:]}": {"netin": 300, "netout": 1300} for key in guest.config if NIC.match(key)
            },
            "proxmox-support": dict.fromkeys(_SUPPORTED, True) | {"pbs-library-version": "2.0.1"},
        }
    return reading


_SUPPORTED = (
    "backup-access-api",
    "backup-fleecing",
    "backup-max-workers",
    "pbs-dirty-bitmap",
    "pbs-dirty-bitmap-migration",
    "pbs-dirty-bitmap-savevm",
    "pbs-masterkey",
    "query-bitmap-info",
)


def _block_statistics(size: int) -> dict[str, Any]:
    counted: dict[str, Any] = {"account_failed": True, "account_invalid": True, "timed_stats": [], "idle_time_ns": 1000}
    for operation in ("rd", "wr", "unmap", "zone_append"):
        counted |= {f"{operation}_{what}": 0 for what in ("bytes", "merged", "operations", "total_time_ns")}
    for operation in ("rd", "wr", "unmap", "flush", "zone_append"):
        counted |= {f"failed_{operation}_operations": 0, f"invalid_{operation}_operations": 0}
    return counted | {"flush_operations": 0, "flush_total_time_ns": 0, "wr_highest_offset": size}
