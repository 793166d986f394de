"""A sandbox host of Proxmox VE really boots: from what the provider told cloud-init, on the network of the drill, and from nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.contract.providers.guests import guest_network, logged_in
from tests.contract.providers.proxmox_sandboxes import RUN, SandboxWorld, sandbox_state
from tests.contract.providers.test_pinned_keys import make_key
from tests.support.guests import GuestContainers, ProxmoxGuests
from tests.support.proxmox import ProxmoxServer

from drillbook.model import SandboxHost

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.lab
LIMIT = timedelta(seconds=120)
"""It boots, beside all else that a whole run starts."""


class Booting:
    """The drill range whose bridge is a network of this machine's."""

    def __init__(self, world: SandboxWorld, guests: GuestContainers, subnet: str) -> None:
        self.world = world
        self.guests = guests
        self.host = SandboxHost("sandbox1", "cluster", address=f"{subnet}.41")


@pytest.fixture
def booting(containers_conf: Path, tmp_path: Path) -> Iterator[Booting]:
    with guest_network(containers_conf) as network:
        guests = network.guests("vmbr9")
        try:
            with ProxmoxServer(sandbox_state(), ProxmoxGuests(guests, range(9000, 9004))) as server:
                make_key(tmp_path / "user")
                world = SandboxWorld(server, tmp_path, public_key=(tmp_path / "user.pub").read_text(encoding="utf-8"))
                yield Booting(world, guests, network.subnet)
                assert server.control.invalid() == []
        finally:
            guests.remove_all()


def test_it_boots_is_logged_in_to_and_goes(booting: Booting, tmp_path: Path) -> None:
    sandboxes = booting.world.sandboxes
    claim = sandboxes.claim("sandbox1", RUN, ())
    machine = sandboxes.make(claim, booting.host, LIMIT)
    login = sandboxes.reach(machine, LIMIT)
    own = booting.guests.read("9000", "/etc/ssh/ssh_host_ed25519_key.pub")
    assert own is not None
    assert own.decode().startswith(login.host_key)
    address = booting.host.address
    assert logged_in(tmp_path, login, tmp_path / "user", ansible_host=address), "as root, by sudo"
    make_key(tmp_path / "other")
    assert not logged_in(tmp_path, login, tmp_path / "other", ansible_host=address)
    sandboxes.destroy(claim, LIMIT)
    assert booting.guests.names() == []
