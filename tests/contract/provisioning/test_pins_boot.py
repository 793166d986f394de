"""A machine on Proxmox VE that really boots is logged in to by the key that was pinned, after it was made and after it was made again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.contract.providers.guests import guest_network
from tests.contract.providers.test_pinned_keys import make_key
from tests.contract.provisioning.conftest import KNOWN_HOSTS, SECRET, cluster_state, lose
from tests.contract.provisioning.controller import Controller
from tests.support.guests import GuestContainers, ProxmoxGuests
from tests.support.proxmox import ProxmoxServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.provisioning.controller import Done

pytestmark = pytest.mark.lab
NUMBER = 101
OWN_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"


@dataclass
class Booting:
    """The cluster whose bridge is a network of this machine's, and the controller that has a leg there."""

    server: ProxmoxServer
    guests: GuestContainers
    controller: Controller
    address: str
    key: Path

    @property
    def known_hosts(self) -> Path:
        return self.controller.home / "known_hosts"

    def provision(self) -> Done:
        return self.controller.provision("--limit=db1", variables=self.variables())

    def variables(self) -> dict[str, object]:
        return {
            "ansible_host": self.address,
            "ansible_ssh_private_key_file": str(self.key),
            "proxmox_vm_networks": [{"bridge": "vmbr0", "address": f"{self.address}/24"}],
        }

    def own_key(self) -> str:
        """What the machine has inside."""
        found = self.guests.read(str(NUMBER), OWN_KEY)
        assert found is not None
        return " ".join(found.decode().split()[:2])

    def log_in(self, known_hosts: Path) -> Done:
        """As playbooks do it, with the inventory's own options but for the file; no connection is shared."""
        options = f"-o UserKnownHostsFile={known_hosts} -o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes"
        more = [f"ansible_host={self.address}", f"ansible_ssh_private_key_file={self.key}", "ansible_ssh_args=''"]
        words = [word for one in (*more, f"ansible_ssh_common_args='{options}'") for word in ("-e", one)]
        inventory = ("-i", str(self.controller.inventory), "db1", "-m", "ansible.builtin.ping")
        return self.controller.command("ansible", *inventory, *words)


@pytest.fixture
def booting(containers_conf: Path, tmp_path: Path) -> Iterator[Booting]:
    with guest_network(containers_conf) as network:
        guests = network.guests("vmbr0")
        make_key(tmp_path / "user")
        try:
            with ProxmoxServer(cluster_state(), ProxmoxGuests(guests, range(NUMBER, NUMBER + 1))) as server:
                places = {
                    "pve1.example.org": "127.0.0.1",
                    "api_port: 8006": f"api_port: {server.port}",
                    "/etc/drillbook/pve-root-ca.pem": server.ca,
                    KNOWN_HOSTS: str(tmp_path / "known_hosts"),
                }
                public = (tmp_path / "user.pub").read_text(encoding="utf-8").strip()
                secrets = {"vault_proxmox_token_secret": SECRET, "vault_ssh_public_key": public}
                controller = Controller(tmp_path, "proxmox", secrets, places)
                (controller.inventory / "cluster.proxmox.yml").unlink()  # it would want the real port
                yield Booting(server, guests, controller, f"{network.subnet}.11", tmp_path / "user")
                assert server.control.invalid() == []
        finally:
            guests.remove_all()


def test_it_is_known_by_its_own_key_each_time_that_it_is_made(booting: Booting) -> None:
    first = booting.provision()
    assert first.status == 0, first.output
    assert "TASK [Wait until the machine answers]" in first.output
    former = booting.own_key()
    assert booting.known_hosts.read_text(encoding="utf-8") == f"{booting.address} {former}\n"
    assert booting.log_in(booting.known_hosts).status == 0

    booting.guests.remove(str(NUMBER))
    lose(booting.server, NUMBER)
    old = booting.known_hosts.rename(booting.known_hosts.with_name("old"))
    booting.known_hosts.write_bytes(old.read_bytes())
    again = booting.provision()
    assert again.status == 0, again.output
    assert booting.own_key() != former
    assert booting.known_hosts.read_text(encoding="utf-8") == f"{booting.address} {booting.own_key()}\n"
    assert booting.log_in(booting.known_hosts).status == 0
    refused = booting.log_in(old)
    assert refused.status != 0
    # So ssh says it, and so does Mitogen.
    assert re.search("Host key verification failed|mismatching host key", refused.sentence())
