"""A network of this machine's for guests that really boot, and the login to one."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml
from tests.contract.providers.lab import OPTIONS, base_image
from tests.contract.providers.test_pinned_keys import pinged
from tests.support.guests import GuestContainers, bare_image

from drillbook.machines.drill import write_run_inventory
from drillbook.providers.lab.place import LabPlace
from drillbook.providers.lab.podman import Podman

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from drillbook.model import Login


@dataclass(frozen=True)
class GuestNetwork:
    """Isolated; ``subnet`` is the three octets that its addresses begin with."""

    podman: Podman
    image: str
    name: str
    subnet: str

    def guests(self, provider_s_name: str) -> GuestContainers:
        """Bare guests on what a provider calls so."""
        return GuestContainers(self.podman, self.image, OPTIONS, {provider_s_name: self.name})


@contextmanager
def guest_network(containers_conf: Path) -> Iterator[GuestNetwork]:
    """For the length of a block; whoever has guests on it removes them before."""
    prefix = f"t{secrets.token_hex(4)}"
    podman = Podman(LabPlace(name="lab", kind="lab", prefix=prefix, containers_conf=containers_conf))
    subnet, network = f"10.97.{secrets.randbelow(250) + 1}", f"{prefix}-isolated"
    podman.call(
        *("network", "create", "--internal", "--disable-dns", f"--subnet={subnet}.0/24", f"--gateway={subnet}.1"),
        network,
        where=network,
    )
    try:
        yield GuestNetwork(podman, bare_image(podman, base_image(), OPTIONS), network, subnet)
    finally:
        podman.call("network", "rm", "--force", network, where=network)


def logged_in(folder: Path, login: Login, key: Path, **variables: str) -> bool:
    """Whether a task runs as root on `sandbox1`, by this private key; ``variables`` are what the inventory says of it."""
    host = {
        "ansible_ssh_private_key_file": str(key),
        "ansible_ssh_common_args": "-o IdentitiesOnly=yes -o ControlPath=none",
        "ansible_become": True,
        **variables,
    }
    inventory = folder / f"{key.name}.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": {"sandbox1": host}}}), encoding="utf-8")
    said = pinged(inventory, write_run_inventory(folder, "sandbox1", login), {})
    assert ("ping: pong" in said) != ("Permission denied" in said), said
    return "ping: pong" in said
