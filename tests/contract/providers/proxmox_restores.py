"""The drills' own shop on Proxmox VE (machine_drills), as the restores' contract suite wants it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.contract.machine_drills.world import HOSTS, RANGE, TOKEN, USER, DrillWorld
from tests.support.proxmox import add_machine
from tests.support.proxmox.state import Archive, Grant, Volume

from drillbook.clock import SystemClock
from drillbook.config import Inventory, configuration
from drillbook.model import BackupNote
from drillbook.providers import open_restores

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.proxmox import ProxmoxServer

    from drillbook.model import Backup, Claim, GuestAnswer

LIMIT = timedelta(seconds=20)


class ProxmoxRestoreWorld:
    """By a token with what the how-to gives it."""

    exclusive = True
    limited = True

    def __init__(self, server: ProxmoxServer, directory: Path) -> None:
        self._shop = DrillWorld(server, directory)
        self._state = server.state
        self._taker = self._shop.taker()
        read = configuration(Inventory.parse(self._shop.inventory()))
        self.restores = open_restores(read.provider("cluster"), SystemClock())
        rules = read.machine_group("shop").backup
        assert rules is not None
        self.rules = rules
        self._planned: list[dict[str, Any]] = []

    def write(self, host: str, path: str, text: str) -> None:
        self._shop.write(host, path, text)

    def plan(self, host: str, script: str, answer: GuestAnswer | None) -> None:
        """Into the shell on its disk, which the copies have, too."""
        ends = {"exitcode": answer.exit_code, "out": answer.output} if answer else {"hangs": True}
        self._planned.append({"contains": script, **ends})
        self.write(host, "/bin/sh", json.dumps(self._planned))

    def back_up(self, host: str, run: str) -> Backup:
        (machine,) = self._taker.find((host,))
        note = BackupNote(host, "shop", run, machine.identifier).render()
        self._taker.back_up(machine, self.rules, note=note, timeout=LIMIT)
        return self.restores.backups((host,), self.rules)[-1]

    def damage(self, backup: Backup) -> None:
        self._shop.control.backup(self._written_as(backup), damaged=True)

    def lie(self, backup: Backup, note: str) -> None:
        cards = backup.note.rpartition(" cards=")[2]
        self._shop.control.backup(self._written_as(backup), notes=f"{note} cards={cards}")

    def foreign(self, host: str) -> None:
        guest = self._state.guests[HOSTS[host]]
        volid = f"backups:backup/vm/{guest.vmid}/2020-01-01T00:00:00Z"
        archive = Archive("qemu", guest.vmid, dict(guest.config), {}, {})
        self._state.volumes[f"|{volid}"] = Volume(
            volid, "", "backups", "backup", "pbs-vm", 1000, guest.vmid, 1577836800, notes="by hand", archive=archive
        )

    def lose(self, host: str) -> None:
        del self._state.guests[HOSTS[host]]
        self._state.pools["shop"].vms.remove(HOSTS[host])

    def identifier(self, host: str) -> str:
        return f"qemu/{HOSTS[host]}"

    def macs(self, host: str) -> frozenset[str]:
        card = str(self._state.guests[HOSTS[host]].config["net0"])
        return frozenset({card.partition("=")[2].partition(",")[0]})

    def production(self) -> object:
        guests = [guest for vmid, guest in self._state.guests.items() if vmid in HOSTS.values()]
        disks = [one for one in self._state.volumes.values() if one.content != "backup" and one.vmid in HOSTS.values()]
        return (
            {guest.vmid: (guest.status, dict(guest.config)) for guest in guests},
            {disk.volid: dict(disk.files) for disk in disks},
        )

    def others(self) -> frozenset[str]:
        return frozenset(f"qemu/{vmid}" for vmid in self._state.guests if vmid not in HOSTS.values())

    def intrude(self, claim: Claim) -> None:
        add_machine(self._state, int(claim.identifier.partition("/")[2]), "pve1", "ceph", name="somebody-else")

    def outside(self, claim: Claim) -> Sequence[str]:
        number = int(claim.identifier.partition("/")[2])
        digits = str(number).translate({ord("0") + digit: chr(0x660 + digit) for digit in range(10)})
        beyond = (RANGE[0] - 1, RANGE[-1] + 1, -number, f"0{number}", f" {number}", digits, "", "101\n")
        tricks = (f"{number}/../101", f"../qemu/{number}", f"{number}?purge=1", f"{number}/")
        return (*(f"qemu/{text}" for text in (*beyond, *tricks)), f"lxc/{number}", str(number), "")

    def strengthen(self, host: str) -> None:
        self._state.roles["TooMuch"] = ["VM.Allocate"]
        for kind, subject in (("user", USER), ("token", f"{USER}!{TOKEN}")):
            self._state.grants.append(Grant(f"/vms/{HOSTS[host]}", kind, subject, "TooMuch"))

    def _written_as(self, backup: Backup) -> str:
        """Drills read by a storage entry of their own."""
        return f"backups:{backup.identifier.partition(':')[2]}"
