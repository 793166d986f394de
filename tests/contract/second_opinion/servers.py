"""Two servers of the Proxmox VE API that nobody wrote together: ours, and fakepve as a program of its own.

fakepve is under the AGPL: it is started like any program, and none of it is imported. What it takes on its command line is what can be
broken in it: locks, missing agents, tasks that fail or are slow. Its lost quorum, dead nodes, refused permissions and aborted tasks are
attributes of its objects, and it knows no token: so those have our own server's word and the recorded exchanges only.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proxmoxer import ProxmoxAPI
from tests.support.proxmox import ProxmoxServer, add_container, add_machine, empty_cluster
from tests.support.proxmox.certificate import make_certificate
from tests.support.proxmox.state import Token

from drillbook.clock import SystemClock
from drillbook.providers.proxmox.api import ProxmoxApi, ProxmoxEndpoint
from drillbook.providers.proxmox.backups import ProxmoxBackups
from drillbook.providers.proxmox.inside import ProxmoxInside
from drillbook.providers.proxmox.snapshots import ProxmoxSnapshots
from drillbook.providers.proxmox.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drillbook.model import Machine

USER, PASSWORD, SECRET = "root@pam", "not-so-secret", "not-so-secret-either"
ON = {"status": "running", "agent": {}}
# What fakepve is told of each; `disk` is where its disk lies there, and in our server.
GUESTS: dict[str, tuple[int, str, dict[str, Any]]] = {
    "shop-db": (100, "local-lvm:vm-100-disk-0", ON),
    "shop-locked": (101, "local-lvm:vm-101-disk-0", {"lock": "backup"}),
    "shop-files": (102, "local:102/vm-102-disk-0.raw", {}),
    "shop-mute": (103, "local-lvm:vm-103-disk-0", {"status": "running"}),
    "shop-slow": (104, "local-lvm:vm-104-disk-0", {"start_secs": 100}),
    "shop-mail": (200, "local-lvm:vm-200-disk-0", {"type": "lxc", "status": "running"}),
}
_SECONDS_OF_FAKEPVE = 0.02


@dataclass(frozen=True)
class World:
    """Our own client, and what it is built into."""

    name: str
    api: ProxmoxApi
    endpoint: ProxmoxEndpoint
    process: subprocess.Popen[str] | None = None

    @property
    def snapshots(self) -> ProxmoxSnapshots:
        return ProxmoxSnapshots(self.api, SystemClock())

    @property
    def backups(self) -> ProxmoxBackups:
        return ProxmoxBackups(self.api, SystemClock())

    @property
    def guests(self) -> ProxmoxInside:
        return ProxmoxInside(self.api, SystemClock())

    @property
    def tasks(self) -> Tasks:
        return Tasks(self.api, SystemClock())

    def machine(self, host: str) -> Machine:
        return self.snapshots.find((host,))[0]


@contextmanager
def our_server(directory: Path) -> Iterator[World]:
    state = empty_cluster()
    state.users[USER].tokens["t"] = Token(SECRET, privsep=False)
    for host, (vmid, disk, told) in GUESTS.items():
        if told.get("type") == "lxc":
            guest = add_container(state, vmid, "pve1", "thin", hostname=host)
        else:
            guest = add_machine(state, vmid, "pve1", "thin" if disk.startswith("local-lvm") else "thick", name=host)
        guest.status = told.get("status", "stopped")
        guest.config |= {"lock": told["lock"]} if "lock" in told else {}
    with ProxmoxServer(state) as server:
        mute = [vmid for vmid, _disk, told in GUESTS.values() if "agent" not in told]
        server.control.faults(silent_agents=mute, slow={"qmstart": 100 * _SECONDS_OF_FAKEPVE})
        endpoint = _endpoint(directory, server.port, Path(server.ca), SECRET)
        yield World("ours", ProxmoxApi(endpoint), endpoint)


@contextmanager
def fakepve(directory: Path) -> Iterator[World]:
    """The program, spoken to with a ticket where our client has a token: proxmoxer does both."""
    certificate = make_certificate(directory)
    guests = [
        {
            "vmid": vmid,
            "name": host,
            "config": {"scsi0": f"{disk},size=8G", "agent": "1"},
            **told,
        }
        for host, (vmid, disk, told) in GUESTS.items()
    ]
    (directory / "guests.json").write_text(json.dumps({"guests": guests}), encoding="utf-8")
    options = {
        "--host": "127.0.0.1", "--port": "0", "--time-scale": str(_SECONDS_OF_FAKEPVE), "--user": USER,
        "--cert": str(certificate.certificate), "--key": str(certificate.key),
    }  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-m", "fakepve", str(directory / "guests.json"), *(part for pair in options.items() for part in pair)],
        env={"PVE_PASS": PASSWORD}, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            found = re.search(r"https://127\.0\.0\.1:(\d+)", process.stdout.readline())
            assert found is not None, "fakepve did not start"
            endpoint = _endpoint(directory, int(found[1]), certificate.certificate, SECRET)
            api = ProxmoxApi(endpoint)
            api.user = USER
            ticket = {"user": USER, "password": PASSWORD, "verify_ssl": str(certificate.certificate), "timeout": 1}
            api._connect = partial(ProxmoxAPI, port=int(found[1]), service="PVE", **ticket)
            yield World("fakepve", api, endpoint, process)
        finally:
            process.kill()


def with_a_wrong_token(world: World, directory: Path) -> ProxmoxApi:
    """A client that gives a secret which is not the token's."""
    assert world.endpoint.ca_file is not None
    return ProxmoxApi(_endpoint(directory, world.endpoint.port, world.endpoint.ca_file, "wrong"))


def _endpoint(directory: Path, port: int, ca: Path, secret: str) -> ProxmoxEndpoint:
    token = directory / f"{secret}.json"
    token.write_text(json.dumps({"id": f"{USER}!t", "secret": secret}), encoding="utf-8")
    token.chmod(0o600)
    return ProxmoxEndpoint("127.0.0.1", port, ca, token)
