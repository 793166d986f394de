"""Finds the lab's hosts among its containers, and says which of them can be copied."""

from collections.abc import Mapping, Sequence
from typing import Any

from drillbook.model import Machine, Power
from drillbook.providers.finding import one_for_each
from drillbook.providers.lab.podman import HOST_LABEL, Podman
from drillbook.providers.lab.recipe import recipe_of

DRILL_LABEL = "drillbook.drill"
REPLACED = ".replaced"
"""Behind the name of a container that is about to give way to one made of a snapshot."""
REPLACEMENT = ".new"
TEMPLATE = ".template"
"""Behind the name of a container that is never started: a sandbox host is made like it."""
_POWER = {"running": Power.RUNNING, "paused": Power.PAUSED}


class LabMachines:
    """Implements `Machines`; podman knows no locks. A machine's identifier is its container's name, which it keeps when it goes back to a snapshot."""

    def __init__(self, podman: Podman) -> None:
        self._podman = podman

    def find(self, hosts: Sequence[str]) -> tuple[Machine, ...]:
        """Return the containers with these names as their host label; a drill's are none."""
        found: dict[str, dict[str, Power]] = {host: {} for host in hosts}
        for entry in self._podman.containers():
            host, name = entry["Labels"].get(HOST_LABEL), str(entry["Names"][0])
            if host in found and DRILL_LABEL not in entry["Labels"] and not name.endswith((REPLACEMENT, TEMPLATE)):
                power = _POWER.get(str(entry["State"]), Power.STOPPED)
                if name.endswith(REPLACED):
                    found[host].setdefault(name.removesuffix(REPLACED), Power.STOPPED)
                else:
                    found[host][name] = power
        place = self._podman.place
        machines = {
            host: [Machine(host, identifier, place.name, power) for identifier, power in names.items()]
            for host, names in found.items()
        }
        return one_for_each(
            machines,
            hosts,
            noun="container",
            where=f"the containers of the lab {place.prefix}",
            remedy="Bring the lab up (playbooks/lab/up.yml); each of its containers has its host's name as a label.",
        )

    def _absent(self, machine: Machine) -> str:
        """Why there is no container of a machine that was found."""
        if self._podman.inspect(machine.identifier + REPLACED) is None:
            return "its container is not there any more"
        return "going back to a snapshot was not finished: do that again"


def uncopyable(container: Mapping[str, Any]) -> str | None:
    """Say what of a container no image holds, or why none could be made like it; None if nothing is in the way."""
    recipe = recipe_of(container)
    if recipe is None:
        return "podman does not remember a command line that it was made by"
    if "rm" in dict(recipe.options):
        return "it is removed when it stops (--rm)"
    for mount in container["Mounts"]:
        if mount["Type"] != "bind":
            return f"no image holds what lies in its {mount['Type']} at {mount['Destination']}"
        if mount["RW"]:
            return f"no image holds what it writes to {mount['Destination']}, a directory of this machine"
    in_memory = sorted(container["HostConfig"]["Tmpfs"] or ())
    return f"its disk at {in_memory[0]} is memory, which no image holds" if in_memory else None
