"""Finds guests of a Proxmox VE cluster by name: one call for all of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from drillbook.errors import ConfigurationError
from drillbook.model import Machine, Power
from drillbook.providers.proxmox.api import ProxmoxApi
from drillbook.providers.proxmox.holders import holder_of

_POWER = {"running": Power.RUNNING, "stopped": Power.STOPPED, "paused": Power.PAUSED, "suspended": Power.PAUSED}


class ProxmoxMachines:
    """Implements `Machines`. A machine's identifier is ``qemu/100`` or ``lxc/200``, its place the node."""

    def __init__(self, api: ProxmoxApi) -> None:
        self._api = api

    def find(self, hosts: Sequence[str]) -> tuple[Machine, ...]:
        """Return the guests of these names; templates are none."""
        guests: dict[str, list[Mapping[str, Any]]] = {}
        for entry in self._api.get("/cluster/resources", type="vm"):
            if not entry.get("template"):
                guests.setdefault(str(entry.get("name", "")), []).append(entry)
        faults = [
            f"{host}: " + (f"{len(guests[host])} guests have this name" if host in guests else "no guest has this name")
            for host in hosts
            if len(guests.get(host, ())) != 1
        ]
        if faults:
            raise ConfigurationError(
                "; ".join(faults),
                where="the cluster's list of guests",
                remedy="Name each machine as its guest is named, and see that the token has VM.Audit on it.",
            )
        return tuple(_machine(host, guests[host][0]) for host in hosts)

    def explain_lock(self, machine: Machine) -> str:
        """By the task that holds it, where the token may see it."""
        return holder_of(self._api, machine)


def base(machine: Machine) -> str:
    """Path of the guest in the interface."""
    return f"/nodes/{machine.place}/{machine.identifier}"


def vmid(machine: Machine) -> str:
    """The guest's number."""
    return machine.identifier.partition("/")[2]


def is_container(machine: Machine) -> bool:
    """Whether it is a container: no guest agent, no memory in its snapshots."""
    return machine.identifier.startswith("lxc/")


def _machine(host: str, entry: Mapping[str, Any]) -> Machine:
    return Machine(
        host=host,
        identifier=str(entry["id"]),
        place=str(entry["node"]),
        power=_POWER.get(str(entry.get("status")), Power.STOPPED),
        lock=str(entry.get("lock") or ""),
        pool=str(entry.get("pool") or ""),
    )
