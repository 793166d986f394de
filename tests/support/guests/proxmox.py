"""The bodies of guests of the Proxmox VE test server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.proxmox.guests.drives import NIC, nic_mac
from tests.support.proxmox.property_strings import read_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.guests.containers import GuestContainers
    from tests.support.proxmox.state import Guest


class ProxmoxGuests:
    """Implements `Bodies`: a container for each guest of a range of numbers."""

    def __init__(self, containers: GuestContainers, numbers: range) -> None:
        self._containers = containers
        self._numbers = numbers

    def has(self, guest: Guest) -> bool:
        return guest.vmid in self._numbers

    def power_on(self, guest: Guest, seed: Mapping[str, str]) -> None:
        cards = {
            read_options(str(line))["bridge"]: nic_mac(str(line)).lower()
            for key, line in sorted(guest.config.items())
            if NIC.match(key)
        }
        self._containers.power_on(str(guest.vmid), seed, cards)

    def power_off(self, guest: Guest) -> None:
        self._containers.power_off(str(guest.vmid))

    def remove(self, guest: Guest) -> None:
        self._containers.remove(str(guest.vmid))

    def read(self, guest: Guest, path: str) -> bytes | None:
        return self._containers.read(str(guest.vmid), path)
