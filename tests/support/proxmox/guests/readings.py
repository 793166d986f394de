"""The figures of a guest that lists and status calls show."""

from __future__ import annotations

import time
from typing import Any

from tests.support.proxmox.engine import Engine
from tests.support.proxmox.guests.configuration import disk_usage
from tests.support.proxmox.state import Guest

MEBIBYTE = 1 << 20
_PRESSURES = ("cpufull", "cpusome", "iofull", "iosome", "memoryfull", "memorysome")


def uptime(guest: Guest) -> int:
    """Return the seconds since a guest started; it stands still while its node's clock is ours."""
    return int(time.time() - guest.started) + 1 if guest.running else 0


def memory_of(guest: Guest) -> int:
    """Return a guest's memory in bytes."""
    return int(str(guest.config.get("memory", 512)).removeprefix("current=")) * MEBIBYTE


def cpus_of(guest: Guest) -> int:
    """Return how many processors a guest has."""
    default = 2 if guest.kind == "lxc" else 1
    return int(guest.config.get("cores", default)) * int(guest.config.get("sockets", 1))


def machine_reading(engine: Engine, guest: Guest) -> dict[str, Any]:
    """Return a virtual machine's figures."""
    _, size = disk_usage(engine, guest)
    reading = _common(guest) | {"diskread": 0, "diskwrite": 0, "disk": 0, "maxdisk": size, "memhost": 0}
    if guest.running:
        reading |= {f"pressure{name}": 0 for name in _PRESSURES} | {"netin": 300, "netout": 1300}
    if guest.config.get("serial0"):
        reading["serial"] = 1
    return reading


def container_reading(engine: Engine, guest: Guest) -> dict[str, Any]:
    """Return a container's figures."""
    used, size = disk_usage(engine, guest)
    reading = _common(guest) | {"diskread": 0, "diskwrite": 0, "type": "lxc", "maxdisk": size, "swap": 0}
    reading |= {"maxswap": int(guest.config.get("swap", 512)) * MEBIBYTE, "disk": used if guest.running else 0}
    if guest.running:
        reading |= {f"pressure{name}": None for name in _PRESSURES}
    return reading


def _common(guest: Guest) -> dict[str, Any]:
    reading: dict[str, Any] = {
        "vmid": guest.vmid,
        "name": guest.name,
        "status": guest.status,
        "cpus": cpus_of(guest),
        "maxmem": memory_of(guest),
        "mem": memory_of(guest) // 2 if guest.running else 0,
        "cpu": 0,
        "uptime": uptime(guest),
        "netin": 0,
        "netout": 0,
    }
    if guest.running:
        reading["pid"] = guest.pid
    for key in ("tags", "lock", "template"):
        if guest.config.get(key):
            reading[key] = guest.config[key]
    return reading
