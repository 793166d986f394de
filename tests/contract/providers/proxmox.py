"""Proxmox VE as our test server has it: it keeps what is on the disks, and holds every request against the official schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.proxmox import add_container, add_machine, empty_cluster
from tests.support.proxmox.state import Grant, Pool, State, Token, User

from drillbook.clock import SystemClock
from drillbook.model import ProxmoxPlace
from drillbook.providers.proxmox import Endpoint, ProxmoxApi, ProxmoxSnapshots

if TYPE_CHECKING:
    from tests.support.proxmox import ProxmoxServer

    from drillbook.clock import Clock
    from drillbook.model import Machine

HOW_TO = Path(__file__).resolve().parents[3] / "docs/how-to/snapshots.md"
NODES = 3
HOSTS = ("shop-db", "shop-web1", "shop-web2")
FILE = "content"
USER, TOKEN, SECRET = "drillbook@pve", "snapshots", "not-so-secret"
POOL = "shop"


def documented_privileges() -> list[str]:
    """What the how-to tells an operator to give the token: no more is given here."""
    found = re.search(r'--privs "([^"]+)"', HOW_TO.read_text(encoding="utf-8"))
    assert found is not None
    return found[1].split()


def shop(privileges: list[str] | None = None) -> State:
    """Three nodes with a running machine each, in a pool; one on files, a container, and one on a storage without snapshots."""
    state = empty_cluster(NODES)
    for number, host in enumerate(HOSTS):
        add_machine(
            state, 100 + number, f"pve{number + 1}", "ceph" if number == 2 else "thin", name=host
        ).status = "running"
    add_container(state, 200, "pve1", "thin", hostname="shop-mail").status = "running"
    add_machine(state, 300, "pve1", "thick", name="shop-old").status = "running"
    add_machine(state, 400, "pve1", "zfs", name="shop-zfs").status = "running"
    add_machine(state, 500, "pve1", "thin", name="bank-db").status = "running"
    state.pools[POOL] = Pool(POOL, vms=[100, 101, 102, 200, 300, 400])
    state.roles["DrillbookSnapshots"] = documented_privileges() if privileges is None else privileges
    state.users[USER] = User(tokens={TOKEN: Token(SECRET)})
    state.grants += [
        Grant(f"/pool/{POOL}", kind, subject, "DrillbookSnapshots")
        for kind, subject in (("user", USER), ("token", f"{USER}!{TOKEN}"))
    ]
    return state


class ProxmoxWorld:
    """The shop, by a token with what the how-to gives it."""

    hosts = HOSTS

    def __init__(self, server: ProxmoxServer, tokens: Path, clock: Clock | None = None) -> None:
        self.server = server
        self.control = server.control
        tokens.mkdir(exist_ok=True)
        (tokens / "snapshots.json").write_text(
            json.dumps({"id": f"{USER}!{TOKEN}", "secret": SECRET}), encoding="utf-8"
        )
        self.place = ProxmoxPlace("cluster", "127.0.0.1", server.port, Path(server.ca), tokens)
        endpoint = Endpoint(self.place.host, self.place.port, self.place.ca_file, tokens / "snapshots.json")
        self.api = ProxmoxApi(endpoint)
        self.snapshots = ProxmoxSnapshots(self.api, clock or SystemClock())

    def write(self, machine: Machine, text: str) -> None:
        self.control.write(self._disk(machine), FILE, text.encode(), machine.place)

    def read(self, machine: Machine) -> str:
        return (self.control.read(self._disk(machine), FILE, machine.place) or b"").decode()

    def runs(self, machine: Machine) -> bool:
        return self.server.state.guests[self._vmid(machine)].status == "running"

    def twin(self, host: str) -> None:
        add_machine(self.server.state, 999, "pve1", "thin", name=host)
        self.server.state.pools[POOL].vms.append(999)

    def _disk(self, machine: Machine) -> str:
        config = self.server.state.guests[self._vmid(machine)].config
        return str(config.get("scsi0") or config["rootfs"]).split(",")[0]

    def _vmid(self, machine: Machine) -> int:
        return int(machine.identifier.partition("/")[2])
