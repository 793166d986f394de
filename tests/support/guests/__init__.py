"""Guests that are really there: what a provider's test server is told to start becomes a container on the lab's networks."""

from tests.support.guests.containers import GuestContainers, guests_of
from tests.support.guests.ec2 import Ec2Guests
from tests.support.guests.proxmox import ProxmoxGuests
from tests.support.guests.standing import StandingHost, standing_host
from tests.support.guests.template import bare_image, guest_image

__all__ = [
    "Ec2Guests",
    "GuestContainers",
    "ProxmoxGuests",
    "StandingHost",
    "bare_image",
    "guest_image",
    "guests_of",
    "standing_host",
]
