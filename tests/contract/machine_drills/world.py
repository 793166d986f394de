"""A shop of two machines with backups, a drill range beside it, and a token with what the how-to gives it."""

from __future__ import annotations

import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.proxmox import add_machine, empty_cluster
from tests.support.proxmox.engine import Engine
from tests.support.proxmox.state import Grant, Pool, State, Storage, Token, User
from tests.support.proxmox.storage.archives import store_archive, take_archive
from tests.support.secret_files import write_secret

from drillbook.clock import SystemClock
from drillbook.machines.drill.probe_scripts import read_all_script
from drillbook.model import format_instant
from drillbook.providers.proxmox.api import ProxmoxApi, ProxmoxEndpoint
from drillbook.providers.proxmox.backups import ProxmoxBackups
from drillbook.providers.proxmox.notes import write_note

if TYPE_CHECKING:
    from tests.support.proxmox import ProxmoxServer
    from tests.support.proxmox.state import Archive, Volume

DOCS = Path(__file__).resolve().parents[3] / "docs"
HOW_TO = DOCS / "how-to/drill-machines.md"
BACKUPS = DOCS / "how-to/backups.md"
RUNBOOK = DOCS / "runbooks/restore-machines-in-place.md"
RECOVERY_USER = "drillbook-recovery@pve"
BACKUP_USER = "backup@pve"
USER, TOKEN, SECRET = "drillbook-drill@pve", "drill", "not-so-secret"
HOSTS = {"shop-db": 100, "shop-web1": 101}
ADDRESSES = {"shop-db": "192.0.2.11", "shop-web1": "192.0.2.12", "other": "192.0.2.50"}
HEARTBEAT = "/var/lib/drillbook/heartbeat.json"
RANGE = range(9000, 9004)


def documented_grants(page: Path = HOW_TO, user: str = USER, token: str = TOKEN) -> list[Grant]:
    """What a page's commands give to whom; the roles are put into the state by `shop`."""
    found = re.findall(r"pveum acl modify (\S+) \$who --roles (\S+)", page.read_text(encoding="utf-8"))
    assert len(found) == (5 if page == RUNBOOK else 4), page
    subjects = (("user", user), ("token", f"{user}!{token}"))
    return [Grant(path, kind, subject, role) for path, role in found for kind, subject in subjects]


def documented_roles(page: Path = HOW_TO) -> dict[str, list[str]]:
    text = page.read_text(encoding="utf-8")
    return {name: shlex.split(rest)[0].split() for name, rest in re.findall(r"pveum role add (\S+) --privs (.+)", text)}


def shop() -> State:
    """The shop's machines run on two nodes; drills are made on the third."""
    state = empty_cluster(3)
    for host, vmid in HOSTS.items():
        node = f"pve{vmid - 99}"
        guest = add_machine(state, vmid, node, "ceph", name=host, onboot=1, tags="production")
        guest.status = "running"
    state.pools["shop"] = Pool("shop", vms=list(HOSTS.values()))
    state.pools["drill"] = Pool("drill")
    state.storages["scratch"] = Storage("scratch", "rbd", "images", shared=True, options={"pool": "scratch"})
    reader = {**state.storages["backups"].options, "username": "reader@pbs"}
    state.storages["backups-reader"] = Storage("backups-reader", "pbs", "backup", shared=True, options=reader)
    state.roles |= documented_roles()
    state.users[USER] = User(tokens={TOKEN: Token(SECRET)})
    state.grants += documented_grants()
    return state


def shell_rules(*, reached: tuple[str, ...] = ("192.0.2.11:22", "192.0.2.12:22"), bad: int = 0) -> str:
    """What the guest's shell will say: to the probe of the network, of units and ports, and to the full read."""
    return json.dumps(
        [
            {
                "contains": read_all_script()[:40],
                "out": f"bad /srv/x\nread 10 2048 {bad}\n" if bad else "read 10 2048 0\n",
            },
            {"contains": "getent", "reached": list(reached)},
            {"contains": "systemctl", "out": "unit postgresql active\nopen 127.0.0.1 5432\n"},
            {"contains": "try", "reached": list(reached)},
        ]
    )


class DrillWorld:
    """The test server with the shop, and the inventory that says so."""

    def __init__(self, server: ProxmoxServer, state_directory: Path) -> None:
        self.server = server
        self.control = server.control
        self.state_directory = state_directory
        self.tokens = state_directory / "tokens"
        self.tokens.mkdir(parents=True, exist_ok=True)
        write_secret(self.tokens / "drill.json", {"id": f"{USER}!{TOKEN}", "secret": SECRET})

    def disk(self, vmid: int) -> str:
        return str(self.server.state.guests[vmid].config["scsi0"]).split(",")[0]

    def write(self, host: str, path: str, text: str) -> None:
        self.control.write(self.disk(HOSTS[host]), path, text.encode(), f"pve{HOSTS[host] - 99}")

    def beat(self, host: str, *, age: float = 5.0, service: str = "shop", name: str | None = None) -> None:
        """Leave a heartbeat on a production machine's disk, and a shell beside it."""
        written = datetime.now(UTC) - timedelta(seconds=age)
        body = {"service": service, "host": name or host, "counter": 7, "written_at": format_instant(written)}
        self.write(host, HEARTBEAT, json.dumps(body))
        self.write(host, "/bin/sh", shell_rules())

    def back_up(self, host: str, *, age: float = 0.0, note: str | None = None) -> Volume:
        """A backup as `drillbook backup` leaves it."""
        state = self.server.state
        guest = state.guests[HOSTS[host]]
        volume = store_archive(
            self._engine(), guest.node, state.storages["backups"], take_archive(self._engine(), guest), "0"
        )
        volume.notes = write_note(host, "shop", guest.config) if note is None else note
        volume.ctime -= int(age)
        return volume

    def taker(self) -> ProxmoxBackups:
        """What takes backups there, by a token with the roles of the how-to."""
        state = self.server.state
        state.roles |= documented_roles(BACKUPS)
        state.users[BACKUP_USER] = User(tokens={"backups": Token(SECRET)})
        state.grants += [
            Grant(path, kind, subject, role)
            for path, role in (("/pool/shop", "DrillbookBackups"), ("/storage/backups", "DrillbookBackupStorage"))
            for kind, subject in (("user", BACKUP_USER), ("token", f"{BACKUP_USER}!backups"))
        ]
        token = self.tokens / "backups.json"
        write_secret(token, {"id": f"{BACKUP_USER}!backups", "secret": SECRET})
        endpoint = ProxmoxEndpoint("127.0.0.1", self.server.port, Path(self.server.ca), token)
        return ProxmoxBackups(ProxmoxApi(endpoint), SystemClock())

    def let_recover(self) -> None:
        """Give the token for restores in place what the runbook gives it."""
        state = self.server.state
        state.roles |= documented_roles(RUNBOOK)
        state.users[RECOVERY_USER] = User(tokens={"recovery": Token(SECRET)})
        state.grants += documented_grants(RUNBOOK, RECOVERY_USER, "recovery")
        write_secret(self.tokens / "recovery.json", {"id": f"{RECOVERY_USER}!recovery", "secret": SECRET})

    def drill_guests(self) -> list[int]:
        return [vmid for vmid in self.server.state.guests if vmid in RANGE]

    def archive(self, host: str) -> Archive:
        """What the machine's newest backup holds."""
        volumes = [one for one in self.server.state.volumes.values() if one.archive and one.vmid == HOSTS[host]]
        newest = max(volumes, key=lambda one: one.ctime).archive
        assert newest is not None
        return newest

    def scratch(self) -> list[str]:
        """The disks on the drill's own storage."""
        return [one.volid for one in self.server.state.volumes.values() if one.storage == "scratch"]

    def inventory(self, **machines: Any) -> dict[str, Any]:
        directory = str(self.state_directory)
        place = {
            "name": "cluster",
            "kind": "proxmox",
            "host": "127.0.0.1",
            "port": self.server.port,
            "ca_file": self.server.ca,
            "tokens_directory": str(self.tokens),
            "drill": {
                "first_vmid": RANGE[0],
                "last_vmid": RANGE[-1],
                "pool": "drill",
                "node": "pve3",
                "storage": "scratch",
                "bridge": "vmbr9",
                "backup_storage": "backups-reader",
            },
        }
        return {
            "_meta": {"hostvars": {host: {"ansible_host": address} for host, address in ADDRESSES.items()}},
            "all": {
                "children": ["others", "shop", "ungrouped"],
                "vars": {
                    "drillbook_state_directory": directory,
                    "drillbook_object_store": {
                        "endpoint": "https://192.0.2.9:7480",
                        "repositories": {"pgbackrest": {"bucket": "repository"}},
                        "evidence_bucket": "evidence",
                        "heartbeat_bucket": "heartbeat",
                        "credentials_directory": f"{directory}/credentials",
                    },
                    "drillbook_evidence": {
                        "directory": f"{directory}/evidence",
                        "signing_key_file": f"{directory}/key.pem",
                        "anchored": False,
                    },
                    "drillbook_providers": [place],
                    "drillbook_machine_timeout_seconds": 20,
                    "drillbook_step_timeout_seconds": 20,
                },
            },
            "others": {"hosts": ["other"]},
            "shop": {
                "hosts": list(HOSTS),
                "vars": {
                    "drillbook_service": {
                        "name": "shop",
                        "kind": "machines",
                        "objectives": {"rto_seconds": 120, "rpo_seconds": 4000},
                        "backup_interval_seconds": 3600,
                    },
                    "drillbook_drills": [
                        {"name": "shop-latest"},
                        {"name": "shop-oldest", "point": {"type": "oldest"}},
                    ],
                    "drillbook_machines": {
                        "provider": "cluster",
                        "order": [["shop-db"], ["shop-web1"]],
                        "backup": {"storage": "backups"},
                        "probes": {"shop-db": {"ports": [5432], "units": ["postgresql"]}},
                        "ready_seconds": 3,
                        **machines,
                    },
                },
            },
        }

    def _engine(self) -> Engine:
        return Engine(self.server.state)
