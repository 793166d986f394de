"""A drill range on the test server of Proxmox VE, a template, and a token with what the how-to gives it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.machine_drills.world import DOCS, SECRET, TOKEN, USER, documented_grants, documented_roles, shop
from tests.support.proxmox import ProxmoxServer, add_machine
from tests.support.secret_files import write_secret

from drillbook.clock import SystemClock
from drillbook.model import SandboxHost
from drillbook.providers import Sandboxes, open_sandboxes
from drillbook.providers.proxmox.place import ProxmoxDrillRange, ProxmoxPlace, ProxmoxSandboxTemplate
from drillbook.ssh_key import SshKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.proxmox.state import State

HOW_TO = DOCS / "how-to/sandbox-hosts.md"
LIMIT = timedelta(seconds=20)
HOST = SandboxHost("sandbox1", "cluster", address="198.51.100.41")
RUN, OTHER_RUN = "20261129T103551Z-main-latest-ab12", "20261129T103551Z-main-latest-cd34"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI controller@example.org"
HOST_KEY = f"{SshKey.generate().public} root@sandbox1"
DISK = "ceph:vm-900-disk-0"


class SandboxWorld:
    """The drill range, and a template that its token may clone."""

    def __init__(self, server: ProxmoxServer, folder: Path, public_key: str = f"{KEY}\n") -> None:
        self.server = server
        self.control = server.control
        write_secret(folder / "drill.json", {"id": f"{USER}!{TOKEN}", "secret": SECRET})
        (folder / "controller.pub").write_text(public_key)
        self.place = ProxmoxPlace(
            name="cluster",
            kind="proxmox",
            host="127.0.0.1",
            port=server.port,
            ca_file=Path(server.ca),
            tokens_directory=folder,
            drill=ProxmoxDrillRange(
                first_vmid=9000,
                last_vmid=9003,
                pool="drill",
                node="pve3",
                storage="scratch",
                bridge="vmbr9",
                sandboxes=ProxmoxSandboxTemplate(
                    template=900, node="pve1", public_key_file=folder / "controller.pub", gateway="198.51.100.1"
                ),
            ),
        )
        self.sandboxes: Sandboxes = open_sandboxes(self.place, SystemClock())

    def config(self, vmid: int) -> dict[str, Any]:
        return self.server.state.guests[vmid].config

    def boots(self, *errors: str) -> None:
        """What cloud-init leaves at the end, and the key that the host made for itself."""
        result = json.dumps({"v1": {"datasource": "DataSourceNoCloud", "errors": list(errors)}})
        self.control.write(DISK, "/run/cloud-init/result.json", result.encode(), "pve1")
        self.control.write(DISK, "/etc/ssh/ssh_host_ed25519_key.pub", f"{HOST_KEY}\n".encode(), "pve1")


def sandbox_state() -> State:
    """The shop, a template beside it, and a token that makes sandbox hosts of that."""
    state = shop()
    add_machine(
        state, 900, "pve1", "ceph", name="debian-13-postgresql", ide2="ceph:vm-900-cloudinit,media=cdrom",
        template=1, tags="production", net0="virtio=BC:24:11:00:09:00,bridge=vmbr9",
    )  # fmt: skip
    state.roles |= documented_roles(HOW_TO)
    state.grants = documented_grants(HOW_TO)
    return state


@pytest.fixture
def sandbox_world(tmp_path: Path) -> Iterator[SandboxWorld]:
    """And in the end: every request was one that the official schema knows."""
    with ProxmoxServer(sandbox_state()) as server:
        yield SandboxWorld(server, tmp_path)
        assert server.control.invalid() == []
