"""Finds instances by their tag ``Name``."""

from collections.abc import Mapping, Sequence
from typing import Any

from drillbook.errors import ConfigurationError
from drillbook.model import Machine, Power
from drillbook.providers.ec2.api import Ec2Api, tags_of

_AT_ONCE = 200
"""EC2 takes that many values in a filter."""
_POWER = {"running": Power.RUNNING, "pending": Power.RUNNING}
_GONE = ("terminated", "shutting-down")


class Ec2Machines:
    """Implements `Machines`; EC2 knows no locks. A machine's identifier is the instance's id, its place the availability zone."""

    def __init__(self, api: Ec2Api) -> None:
        self._api = api

    def find(self, hosts: Sequence[str]) -> tuple[Machine, ...]:
        """Return the instances of these names; what is being terminated is none."""
        found: dict[str, list[Machine]] = {}
        for start in range(0, len(hosts), _AT_ONCE):
            wanted = [{"Name": "tag:Name", "Values": list(hosts[start : start + _AT_ONCE])}]
            for reservation in self._api.pages("describe_instances", "Reservations", Filters=wanted):
                for instance in reservation["Instances"]:
                    if instance["State"]["Name"] not in _GONE:
                        machine = _machine(instance)
                        found.setdefault(machine.host, []).append(machine)
        faults = [
            f"{host}: "
            + (f"{len(found[host])} instances have this name" if host in found else "no instance has this name")
            for host in hosts
            if len(found.get(host, ())) != 1
        ]
        if faults:
            raise ConfigurationError(
                "; ".join(faults),
                where="the region's instances",
                remedy="Give each machine its inventory name as the tag Name.",
            )
        return tuple(found[host][0] for host in hosts)


def _machine(instance: Mapping[str, Any]) -> Machine:
    return Machine(
        host=tags_of(instance)["Name"],
        identifier=instance["InstanceId"],
        place=instance["Placement"]["AvailabilityZone"],
        power=_POWER.get(instance["State"]["Name"], Power.STOPPED),
    )
