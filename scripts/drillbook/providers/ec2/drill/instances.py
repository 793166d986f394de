"""A drill's network interfaces and instances: made once each, however often they are asked for, and read back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import InfrastructureError, RefusedError
from drillbook.model import Claim, NetworkCard
from drillbook.providers.ec2.api import Ec2Api
from drillbook.providers.ec2.drill.claim_names import filters_for, tags_for, token_for
from drillbook.providers.ec2.place import Ec2DrillRange
from drillbook.providers.waiting import wait_until

CARD_APPEARS = timedelta(seconds=60)
"""How long what was just made may take until EC2 shows it."""
_GONE = ("terminated", "shutting-down")


@dataclass(frozen=True, slots=True)
class InstanceOrder:
    """What an instance is made of: its claim, its image, its network interfaces in order, and its disks as EC2 takes them.

    ``profile`` is the instance profile, "" for none. ``user_data`` is what cloud-init gets; it is in no text that is made of this.
    """

    claim: Claim
    image: str
    instance_type: str
    disks: tuple[Mapping[str, Any], ...]
    interfaces: tuple[str, ...]
    user_data: str = field(repr=False)
    profile: str = ""


class Instances:
    """Makes and reads what drills consist of."""

    def __init__(self, api: Ec2Api, drill: Ec2DrillRange, clock: Clock, poll: timedelta) -> None:
        self._api = api
        self._drill = drill
        self._clock = clock
        self._poll = poll

    def make_card(self, claim: Claim, number: int) -> Mapping[str, Any]:
        """CreateNetworkInterface, in the isolated subnet with the isolated group alone."""
        made: Mapping[str, Any] = self._api.call(
            lambda client: client.create_network_interface(
                ClientToken=token_for(claim, f"card {number}"),
                SubnetId=self._drill.subnet,
                Groups=[self._drill.security_group],
                Description=f"{claim.identifier} {number}",
                TagSpecifications=[{"ResourceType": "network-interface", "Tags": tags_for(claim)}],
            ),
            f"create_network_interface {claim.identifier}",
        )
        found: Mapping[str, Any] = made["NetworkInterface"]
        return found

    def cards(self, identifier: str, interfaces: Sequence[str]) -> tuple[NetworkCard, ...]:
        """What EC2 says of all interfaces that have this name, once ``interfaces`` are among them and can be used."""
        missing = set(interfaces)

        def usable() -> tuple[NetworkCard, ...] | None:
            nonlocal missing
            found = self._api.pages("describe_network_interfaces", "NetworkInterfaces", Filters=filters_for(identifier))
            missing = set(interfaces) - {str(one["NetworkInterfaceId"]) for one in found if one["Status"] != "pending"}
            return None if missing else tuple(sorted((_card(one) for one in found), key=lambda card: card.name))

        def late() -> InfrastructureError:
            return InfrastructureError(
                f"EC2 does not show {', '.join(sorted(missing))}, which it made, as usable",
                where=identifier,
                remedy="Run the drill again.",
            )

        deadline = self._clock.monotonic() + CARD_APPEARS
        return wait_until(self._clock, usable, deadline=deadline, every=self._poll, late=late)

    def run(self, order: InstanceOrder) -> str:
        """RunInstances of these interfaces and nothing else of a network; returns the instance's id."""
        claim = order.claim
        profile: dict[str, Any] = {"IamInstanceProfile": {"Name": order.profile}} if order.profile else {}
        made = self._api.call(
            lambda client: client.run_instances(
                ClientToken=token_for(claim, "instance"),
                ImageId=order.image,
                MinCount=1,
                MaxCount=1,
                InstanceType=order.instance_type,
                MetadataOptions={"HttpTokens": "required", "HttpEndpoint": "enabled"},
                UserData=order.user_data,
                InstanceInitiatedShutdownBehavior="terminate",
                BlockDeviceMappings=[
                    {**disk, "Ebs": {**disk.get("Ebs", {}), "DeleteOnTermination": True}} for disk in order.disks
                ],
                NetworkInterfaces=[
                    {"DeviceIndex": number, "NetworkInterfaceId": interface}
                    for number, interface in enumerate(order.interfaces)
                ],
                TagSpecifications=[{"ResourceType": kind, "Tags": tags_for(claim)} for kind in ("instance", "volume")],
                **profile,
            ),
            f"run_instances {claim.identifier}",
        )
        return str(made["Instances"][0]["InstanceId"])

    def running(self, instance: str, host: str) -> Mapping[str, Any] | None:
        """What EC2 says of an instance that runs; None where it does not yet. Raises InfrastructureError where it has ended."""
        found = self._described(instance)
        state = str(found["State"]["Name"]) if found else "pending"
        if state not in ("running", "pending"):
            why = (found or {}).get("StateReason", {}).get("Message", "")
            raise InfrastructureError(
                f"the instance is {state}{': ' + why if why else ''}",
                where=f"{host} ({instance})",
                remedy="See the account's events and quotas, and whether the drill's key may use the volumes' KMS key.",
            )
        return found if state == "running" else None

    def wait_until_running(self, instance: str, order: InstanceOrder, deadline: timedelta) -> Mapping[str, Any]:
        """Return what EC2 says of it when it runs on just its own interfaces; raises RefusedError where it has another one."""

        late = InfrastructureError(
            "it was not running in time",
            where=f"{order.claim.host} ({instance})",
            remedy="See the account's events, or raise drillbook_machines.ready_seconds; of a sandbox host drillbook_step_timeout_seconds.",
        )
        found = wait_until(
            self._clock,
            lambda: self.running(instance, order.claim.host),
            deadline=deadline,
            every=self._poll,
            late=late,
        )
        self._refuse_others(found, order)
        return found

    def named(self, identifier: str) -> str:
        """The instance that has this name and was not terminated; raises InfrastructureError where there is not exactly one."""
        reservations = self._api.pages("describe_instances", "Reservations", Filters=filters_for(identifier))
        found = [
            str(one["InstanceId"])
            for reservation in reservations
            for one in reservation["Instances"]
            if one["State"]["Name"] not in _GONE
        ]
        if len(found) != 1:
            raise InfrastructureError(
                f"{len(found) or 'no'} instances have this name", where=identifier, remedy="Run the drill again."
            )
        return found[0]

    def _described(self, instance: str) -> Mapping[str, Any] | None:
        filters = [{"Name": "instance-id", "Values": [instance]}]
        reservations = self._api.pages("describe_instances", "Reservations", Filters=filters)
        return next((one for reservation in reservations for one in reservation["Instances"]), None)

    def _refuse_others(self, instance: Mapping[str, Any], order: InstanceOrder) -> None:
        cards = {str(one["NetworkInterfaceId"]) for one in instance["NetworkInterfaces"]}
        if cards != set(order.interfaces) or instance.get("PublicIpAddress"):
            raise RefusedError(
                f"it runs on {', '.join(sorted(cards))} {instance.get('PublicIpAddress', '')}".rstrip()
                + f", and was made with {', '.join(order.interfaces)}",
                where=f"{order.claim.host} ({instance['InstanceId']})",
                remedy="See in the account's events who attached that; the run's teardown removes the instance.",
            )


def user_data_for(host: str) -> str:
    """The original's name: to cloud-init a copy is a new instance, which would be called after its new address."""
    return f"#cloud-config\nhostname: {json.dumps(host)}\npreserve_hostname: false\n"


def _card(entry: Mapping[str, Any]) -> NetworkCard:
    """Whatever is more than one subnet and its groups is part of what its network is called, and so never the isolated one."""
    groups = ",".join(sorted(str(group["GroupId"]) for group in entry["Groups"]))
    public = entry.get("Association", {}).get("PublicIp")
    more = [str(one["Ipv6Address"]) for one in entry.get("Ipv6Addresses", ())] + ([str(public)] if public else [])
    return NetworkCard(
        name=str(entry["NetworkInterfaceId"]),
        network=" and ".join([network_name(str(entry["SubnetId"]), groups), *more]),
        mac=str(entry["MacAddress"]).lower(),
        address=str(entry["PrivateIpAddress"]),
    )


def network_name(subnet: str, groups: str) -> str:
    """How a card's network is called."""
    return f"{subnet} with {groups}"
