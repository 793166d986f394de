"""The bodies of instances of moto's EC2."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.guests.containers import GuestContainers


class Ec2Guests:
    """Implements `Bodies` of moto: a container for each instance in one subnet, whose address is the one that EC2 tells.

    Debian's images read instance and user data at 169.254.169.254 and ask DHCP for the address. The same is on a drive of NoCloud here.
    """

    def __init__(self, containers: GuestContainers, subnet: str) -> None:
        """``subnet``: its id, which is also the name of the containers' network."""
        self._containers = containers
        self._subnet = subnet

    def power_on(self, instance: Any, user_data: str) -> None:
        cards = {str(card.subnet.id): card for _index, card in sorted(instance.nics.items())}
        if cards.keys() != {self._subnet}:
            return
        seed = seed_of(instance.id, cards[self._subnet], user_data)
        self._containers.power_on(instance.id, seed, {name: card.mac_address for name, card in cards.items()})

    def remove(self, instance: Any) -> None:
        self._containers.remove(instance.id)


def seed_of(instance: str, card: Any, user_data: str) -> Mapping[str, str]:
    """The files of NoCloud: the very user data that RunInstances was given, and the address of the instance's card."""
    address = str(card.private_ip_address)
    prefix_length = ip_network(card.subnet.cidr_block).prefixlen
    network = {
        "version": 2,
        "ethernets": {"eth0": {"match": {"macaddress": card.mac_address}, "addresses": [f"{address}/{prefix_length}"]}},
    }
    name = f"ip-{address.replace('.', '-')}"
    return {
        "user-data": user_data,
        "meta-data": yaml.safe_dump({"instance-id": instance, "local-hostname": name}),
        "network-config": yaml.safe_dump(network),
        "vendor-data": "",
    }
