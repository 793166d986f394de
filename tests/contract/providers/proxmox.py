"""Proxmox VE as our test server has it: it keeps what is on the disks, and holds every request against the official schema."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.proxmox import add_container, add_machine, empty_cluster
from tests.support.proxmox.state import Archive, Grant, Pool, State, Token, User, Volume
from tests.support.secret_files import write_secret

from drillbook.clock import SystemClock
from drillbook.model import BackupMode, BackupRules, Retention
from drillbook.providers.proxmox.api import ProxmoxApi, ProxmoxEndpoint
from drillbook.providers.proxmox.backups import ProxmoxBackups
from drillbook.providers.proxmox.place import ProxmoxPlace
from drillbook.providers.proxmox.snapshots import ProxmoxSnapshots

if TYPE_CHECKING:
    from tests.support.proxmox import ProxmoxServer

    from drillbook.clock import Clock
    from drillbook.model import Backup, Machine

HOW_TO = Path(__file__).resolve().parents[3] / "docs/how-to"
BACKUP_ROLES = ("DrillbookBackups", "DrillbookBackupStorage")
NODES = 3
HOSTS = ("shop-db", "shop-web1", "shop-web2")
FILE = "content"
USER, TOKEN, SECRET = "drillbook@pve", "snapshots", "not-so-secret"
BACKUP_USER = "backup@pve"
STORAGES = ("nas", "local", "backups", "thin")
POOL = "shop"


def documented_privileges() -> list[str]:
    """What the how-to tells an operator to give the token: no more is given here."""
    return _documented("snapshots.md", "DrillbookSnapshots")


def documented_backup_roles() -> dict[str, list[str]]:
    """The same for the backup token: its role on the machines, and that on the storages."""
    return {role: _documented("backups.md", role) for role in BACKUP_ROLES}


def _documented(page: str, role: str) -> list[str]:
    found = re.search(rf'role add {role} --privs "([^"]+)"', (HOW_TO / page).read_text(encoding="utf-8"))
    assert found is not None
    return found[1].split()


def shop(privileges: list[str] | None = None, backup_roles: dict[str, list[str]] | None = None) -> State:
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
    state.roles |= documented_backup_roles() if backup_roles is None else backup_roles
    state.users[USER] = User(tokens={TOKEN: Token(SECRET)})
    state.users[BACKUP_USER] = User(tokens={TOKEN: Token(SECRET)})
    state.grants += [
        Grant(f"/pool/{POOL}", kind, subject, "DrillbookSnapshots")
        for kind, subject in (("user", USER), ("token", f"{USER}!{TOKEN}"))
    ]
    for path, role in ((f"/pool/{POOL}", BACKUP_ROLES[0]), *((f"/storage/{one}", BACKUP_ROLES[1]) for one in STORAGES)):
        state.grants += granted(path, role)
    return state


def granted(path: str, role: str) -> list[Grant]:
    """A role on a path for the token of backups, and for its user."""
    return [
        Grant(path, kind, subject, role)
        for kind, subject in (("user", BACKUP_USER), ("token", f"{BACKUP_USER}!{TOKEN}"))
    ]


class ProxmoxWorld:
    """The shop, by a token with what the how-to gives it."""

    hosts = HOSTS

    def __init__(self, server: ProxmoxServer, tokens: Path, clock: Clock | None = None) -> None:
        self.server = server
        self.control = server.control
        tokens.mkdir(exist_ok=True)
        for file, user in (("snapshots.json", USER), ("backups.json", BACKUP_USER)):
            write_secret(tokens / file, {"id": f"{user}!{TOKEN}", "secret": SECRET})
        self.place = ProxmoxPlace(
            name="cluster",
            kind="proxmox",
            host="127.0.0.1",
            port=server.port,
            ca_file=Path(server.ca),
            tokens_directory=tokens,
        )
        endpoint = ProxmoxEndpoint(self.place.host, self.place.port, self.place.ca_file, tokens / "snapshots.json")
        self.api = ProxmoxApi(endpoint)
        self.snapshots = ProxmoxSnapshots(self.api, clock or SystemClock())
        backups_api = ProxmoxApi(
            ProxmoxEndpoint(self.place.host, server.port, self.place.ca_file, tokens / "backups.json")
        )
        self.backups = ProxmoxBackups(backups_api, clock or SystemClock())
        self.rules = BackupRules("nas", BackupMode.SNAPSHOT, "", "", Retention(last=1), timedelta(hours=25))

    def write(self, machine: Machine, text: str) -> None:
        self.control.write(self._disk(machine), FILE, text.encode(), machine.place)

    def read(self, machine: Machine) -> str:
        return (self.control.read(self._disk(machine), FILE, machine.place) or b"").decode()

    def runs(self, machine: Machine) -> bool:
        return self.server.state.guests[self._vmid(machine)].status == "running"

    def twin(self, host: str) -> None:
        add_machine(self.server.state, 999, "pve1", "thin", name=host)
        self.server.state.pools[POOL].vms.append(999)

    def lose(self, host: str) -> None:
        """Remove it, and let the backup token see what is left, as the how-to says."""
        state = self.server.state
        number = next(vmid for vmid, guest in state.guests.items() if guest.name == host)
        del state.guests[number]
        state.pools[POOL].vms.remove(number)
        state.grants += granted(f"/vms/{number}", BACKUP_ROLES[0])

    def damage(self, backup: Backup) -> None:
        self.control.backup(backup.identifier, damaged=True)

    def lie(self, backup: Backup, note: str) -> None:
        self.control.backup(backup.identifier, notes=note)

    def foreign(self, host: str) -> None:
        (machine,) = self.backups.find((host,))
        guest = self.server.state.guests[self._vmid(machine)]
        volid = f"nas:backup/vzdump-qemu-{guest.vmid}-2020_01_01-00_00_00.vma.zst"
        archive = Archive("qemu", guest.vmid, dict(guest.config), {}, {})
        self.server.state.volumes[f"|{volid}"] = Volume(
            volid, "", "nas", "backup", "vma.zst", 1000, guest.vmid, 1577836800, notes="by hand", archive=archive
        )

    def stored(self) -> int:
        return sum(1 for volume in self.server.state.volumes.values() if volume.content == "backup")

    def _disk(self, machine: Machine) -> str:
        config = self.server.state.guests[self._vmid(machine)].config
        return str(config.get("scsi0") or config["rootfs"]).split(",")[0]

    def _vmid(self, machine: Machine) -> int:
        return int(machine.identifier.partition("/")[2])
