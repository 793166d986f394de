"""A sandbox host of Proxmox VE really boots: from what the provider told cloud-init, on the network of the drill, and from nothing else."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.contract.providers.lab import OPTIONS, base_image
from tests.contract.providers.proxmox_sandboxes import RUN, SandboxWorld, sandbox_state
from tests.contract.providers.test_pinned_keys import make_key, pinged
from tests.support.guests import GuestContainers, ProxmoxGuests, bare_image
from tests.support.proxmox import ProxmoxServer

from drillbook.machines.drill import write_run_inventory
from drillbook.model import SandboxHost
from drillbook.providers.lab.place import LabPlace
from drillbook.providers.lab.podman import Podman

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from drillbook.model import Login

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
    prefix = f"t{secrets.token_hex(4)}"
    podman = Podman(LabPlace(name="lab", kind="lab", prefix=prefix, containers_conf=containers_conf))
    subnet, network = f"10.97.{secrets.randbelow(250) + 1}", f"{prefix}-isolated"
    podman.call(
        *("network", "create", "--internal", "--disable-dns", f"--subnet={subnet}.0/24", f"--gateway={subnet}.1"),
        network,
        where=network,
    )
    guests = GuestContainers(podman, bare_image(podman, base_image(), OPTIONS), OPTIONS, {"vmbr9": network})
    try:
        with ProxmoxServer(sandbox_state(), ProxmoxGuests(guests, range(9000, 9004))) as server:
            make_key(tmp_path / "user")
            world = SandboxWorld(server, tmp_path, public_key=(tmp_path / "user.pub").read_text(encoding="utf-8"))
            yield Booting(world, guests, subnet)
            assert server.control.invalid() == []
    finally:
        guests.remove_all()
        podman.call("network", "rm", "--force", network, where=network)


def test_it_boots_is_logged_in_to_and_goes(booting: Booting, tmp_path: Path) -> None:
    sandboxes = booting.world.sandboxes
    claim = sandboxes.claim("sandbox1", RUN, ())
    machine = sandboxes.make(claim, booting.host, LIMIT)
    login = sandboxes.reach(machine, LIMIT)
    own = booting.guests.read("9000", "/etc/ssh/ssh_host_ed25519_key.pub")
    assert own is not None
    assert own.decode().startswith(login.host_key)
    assert logged_in(booting, tmp_path, login, "user"), "as root, by sudo"
    make_key(tmp_path / "other")
    assert not logged_in(booting, tmp_path, login, "other")
    sandboxes.destroy(claim, LIMIT)
    assert booting.guests.names() == []


def logged_in(booting: Booting, folder: Path, login: Login, key: str) -> bool:
    """Whether a task runs as root there, by one of the keys in the folder."""
    host = {
        "ansible_host": booting.host.address,
        "ansible_ssh_private_key_file": str(folder / key),
        "ansible_ssh_common_args": "-o IdentitiesOnly=yes -o ControlPath=none",
        "ansible_become": True,
    }
    inventory = folder / f"{key}.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": {"sandbox1": host}}}), encoding="utf-8")
    said = pinged(inventory, write_run_inventory(folder, "sandbox1", login), {})
    assert ("ping: pong" in said) != ("Permission denied" in said), said
    return "ping: pong" in said
