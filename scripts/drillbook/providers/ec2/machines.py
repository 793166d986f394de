"""Finds instances by their tag ``Name``."""

from collections.abc import Mapping, Sequence
from typing import Any

from drillbook.model import Machine, Power
from drillbook.providers.ec2.api import Ec2Api, in_lots
from drillbook.providers.ec2.tags import tags_of
from drillbook.providers.finding import one_for_each

_POWER = {"running": Power.RUNNING, "pending": Power.RUNNING}
_GONE = ("terminated", "shutting-down")


class Ec2Machines:
    """Implements `Machines`; EC2 knows no locks. A machine's identifier is the instance's id, its place the availability zone."""

    def __init__(self, api: Ec2Api) -> None:
        self._api = api

    def find(self, hosts: Sequence[str]) -> tuple[Machine, ...]:
        """Return the instances of these names; what is being terminated is none."""
        found: dict[str, list[Machine]] = {}
        for names in in_lots(hosts):
            wanted = [{"Name": "tag:Name", "Values": names}]
            for reservation in self._api.pages("describe_instances", "Reservations", Filters=wanted):
                for instance in reservation["Instances"]:
                    if instance["State"]["Name"] not in _GONE:
                        machine = _machine(instance)
                        found.setdefault(machine.host, []).append(machine)
        return one_for_each(
            found,
            hosts,
            noun="instance",
            where="the region's instances",
            remedy="Give each machine its inventory name as the tag Name.",
        )


def _machine(instance: Mapping[str, Any]) -> Machine:
    return Machine(
        host=tags_of(instance)["Name"],
        identifier=instance["InstanceId"],
        place=instance["Placement"]["AvailabilityZone"],
        power=_POWER.get(instance["State"]["Name"], Power.STOPPED),
    )
