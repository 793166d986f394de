"""Backup jobs: kept and shown; this server runs none of them by the clock."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.proxmox.calls import Call, handles
from tests.support.proxmox.errors import PveError, refuse_parameters
from tests.support.proxmox.formats import split_list
from tests.support.proxmox.guests.drives import disks
from tests.support.proxmox.property_strings import read_options
from tests.support.proxmox.state import Config, Guest
from tests.support.proxmox.storage.archives import takes_part
from tests.support.proxmox.storage.vzdump import check_backup_parameters

_STRUCTURED = ("prune-backups", "fleecing", "performance")
_CALL_ONLY = frozenset({"delete"})


def _jobs(call: Call) -> dict[str, Config]:
    return call.state.section("jobs")


def _find(call: Call) -> Config:
    job = _jobs(call).get(str(call.get("id")))
    if job is None:
        raise refuse_parameters(id=f"No such job '{call.get('id')}'")
    return job


def _shown(call: Call, job: Config) -> Config:
    shown = {**job, "type": "vzdump"}
    for key in _STRUCTURED:
        if isinstance(shown.get(key), str):
            shown[key] = read_options(shown[key])
    if shown.get("enabled"):
        shown["next-run"] = _next_run(call.state.now(), str(shown.get("schedule", "00:00")))
    return shown


def _next_run(now: int, schedule: str) -> int:
    """Return when a daily schedule is due next; other schedules are told as the next hour."""
    moment = datetime.fromtimestamp(now, UTC)
    hour, _, minute = schedule.rpartition(" ")[2].partition(":")
    if not (hour.isdigit() and minute.isdigit()):
        return now // 3600 * 3600 + 3600
    due = moment.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
    return int((due if due > moment else due + timedelta(days=1)).timestamp())


@handles("GET", "/cluster/backup")
def list_jobs(call: Call) -> Any:
    """Return all jobs."""
    return [_shown(call, job) for job in _jobs(call).values()]


@handles("GET", "/cluster/backup/{id}")
def read_job(call: Call) -> Any:
    """Return one job."""
    return _shown(call, _find(call))


@handles("POST", "/cluster/backup")
def create_job(call: Call) -> None:
    """Define a job."""
    check_backup_parameters(call)
    name = str(call.get("id") or f"backup-{secrets.token_hex(4)}-{secrets.token_hex(2)}")
    if name in _jobs(call):
        raise PveError(f"Job '{name}' already exists")
    if call.get("starttime") and call.get("schedule"):
        raise refuse_parameters(starttime="'starttime' and 'schedule' cannot both be set")
    call.write("jobs.cfg")
    _jobs(call)[name] = {"enabled": 1, "mode": "snapshot", **call.given, "id": name}


@handles("PUT", "/cluster/backup/{id}")
def change_job(call: Call) -> None:
    """Change a job."""
    check_backup_parameters(call)
    job = _find(call)
    call.write("jobs.cfg")
    for key in split_list(str(call.get("delete", ""))):
        job.pop(key, None)
    job |= {key: value for key, value in call.given.items() if key not in _CALL_ONLY}


@handles("DELETE", "/cluster/backup/{id}")
def delete_job(call: Call) -> None:
    """Remove a job."""
    job = _find(call)
    call.write("jobs.cfg")
    del _jobs(call)[str(job["id"])]


def _covers(call: Call, job: Config, guest: Guest) -> bool:
    if job.get("node") and job["node"] != guest.node:
        return False
    if job.get("all"):
        return str(guest.vmid) not in split_list(str(job.get("exclude", "")))
    if job.get("pool"):
        pool = call.state.pools.get(str(job["pool"]))
        return bool(pool and guest.vmid in pool.vms)
    return str(guest.vmid) in split_list(str(job.get("vmid", "")))


@handles("GET", "/cluster/backup-info/not-backed-up")
def not_backed_up(call: Call) -> Any:
    """Return the guests that no job covers."""
    return [
        {"vmid": guest.vmid, "type": guest.kind, "name": guest.name}
        for guest in call.state.guests.values()
        if call.may(f"/vms/{guest.vmid}", "VM.Audit")
        and not any(_covers(call, job, guest) for job in _jobs(call).values())
    ]


@handles("GET", "/cluster/backup-info")
def backup_info(_call: Call) -> Any:
    """Return what stands below."""
    return [{"subdir": "not-backed-up"}]


@handles("GET", "/cluster/backup/{id}/included_volumes")
def included_volumes(call: Call) -> Any:
    """Return the guests of a job, and for each disk whether it is backed up."""
    job = _find(call)
    guests = [guest for guest in call.state.guests.values() if _covers(call, job, guest)]
    return {"children": [_included(call, guest) for guest in guests]}


def _included(call: Call, guest: Guest) -> dict[str, Any]:
    volumes = []
    for key, volume in disks(call.engine, guest):
        taken = takes_part(guest, key)
        volumes.append(
            {"id": key, "name": volume.volid, "included": int(taken), "reason": "enabled" if taken else "disabled"}
        )
    return {"id": guest.vmid, "name": guest.name, "type": guest.kind, "children": volumes}
