"""Finds guests of a Proxmox VE cluster by name: one call for all of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from drillbook.model import Machine, Power
from drillbook.providers.finding import one_for_each
from drillbook.providers.proxmox.api import ProxmoxApi
from drillbook.providers.proxmox.holders import holder_of

_POWER = {"running": Power.RUNNING, "stopped": Power.STOPPED, "paused": Power.PAUSED, "suspended": Power.PAUSED}


class ProxmoxMachines:
    """Implements `Machines` and `LockExplaining`. A machine's identifier is ``qemu/100`` or ``lxc/200``, its place the node.

    The cluster's list has names and power from what each node last reported, some 10 s ago; of a node that is away for minutes
    nothing is left of either.
    """

    def __init__(self, api: ProxmoxApi) -> None:
        self._api = api

    def find(self, hosts: Sequence[str]) -> tuple[Machine, ...]:
        """Return the guests of these names; templates are none. Raises ConfigurationError, also where nodes report no names."""
        guests: dict[str, list[Mapping[str, Any]]] = {}
        nameless: list[str] = []
        for entry in self._api.get("/cluster/resources", type="vm"):
            if not entry.get("name"):
                nameless.append(str(entry["node"]))
            elif not entry.get("template"):
                guests.setdefault(str(entry["name"]), []).append(entry)
        named = "Name each machine as its guest is named, and see that the token has VM.Audit on it."
        nodes = ", ".join(sorted(set(nameless)))
        found = one_for_each(
            guests,
            hosts,
            noun="guest",
            where="the cluster's list of guests",
            remedy=f"See that {nodes} and pvestatd there run, and ask again. {named}" if nameless else named,
            unseen=f"; {_guests(len(nameless))} of {nodes} shown without a name" if nameless else "",
        )
        return tuple(_machine(host, entry) for host, entry in zip(hosts, found, strict=True))

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


def power_of(status: object) -> Power:
    """What Proxmox VE says of a guest's state; what it has no word of may be running."""
    return _POWER.get(str(status), Power.UNKNOWN)


def _guests(count: int) -> str:
    return "1 guest" if count == 1 else f"{count} guests"


def _machine(host: str, entry: Mapping[str, Any]) -> Machine:
    return Machine(
        host=host,
        identifier=str(entry["id"]),
        place=str(entry["node"]),
        power=power_of(entry.get("status")),
        lock=str(entry.get("lock") or ""),
        pool=str(entry.get("pool") or ""),
    )
