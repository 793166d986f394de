"""Puts guests of Proxmox VE back into their own numbers, from their backups."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from drillbook.clock import Clock
from drillbook.credentials import close, exposed
from drillbook.errors import InfrastructureError, RefusedError
from drillbook.model import Backup, BackupRules, Check, CheckStatus, Machine, Power, Stage
from drillbook.providers.proxmox.api import ProxmoxApi
from drillbook.providers.proxmox.archived import (
    devices_of,
    left_behind,
    present_config,
)
from drillbook.providers.proxmox.backups import ProxmoxBackups
from drillbook.providers.proxmox.cloud_init_drives import left_drives
from drillbook.providers.proxmox.inside import ProxmoxInside, is_empty
from drillbook.providers.proxmox.machines import base, power_of, vmid
from drillbook.providers.proxmox.notes import NO_POOL, Note, cards_of, read_note
from drillbook.providers.proxmox.permissions import privileges_on
from drillbook.providers.proxmox.pools import VisiblePools

_ONLINE = "online"


class ProxmoxRecoveries(ProxmoxInside):
    """Implements `Recoveries`, `PartialBackups`, `Pools` and `Doubtful`.

    Disks return to the storages that they came from, cards to their bridges with their addresses.
    """

    def __init__(self, api: ProxmoxApi, token: Path, clock: Clock) -> None:
        """``token`` is the file that the interface's token was read from."""
        super().__init__(api, clock)
        self._token = token
        self._backups = ProxmoxBackups(api, clock)
        self._pools = VisiblePools(api)
        self._texts: dict[str, str] = {}
        self._unread: tuple[str, ...] = ()

    def backups(self, hosts: Sequence[str], rules: BackupRules) -> tuple[Backup, ...]:
        """By the notes on the storage that they are written to; nodes that are away hold back nobody who has a backup elsewhere."""
        found, away = self._backups.readable(hosts, rules)
        self._unread = tuple(f"{rules.storage} on {node}" for node in away)
        return found

    def doubts(self) -> tuple[Check, ...]:
        """A storage that each node has for itself, on nodes that are away; and a token's file that others may read."""
        found = []
        if self._unread:
            found.append(
                _doubt(
                    "each place of backups was read",
                    f"{', '.join(self._unread)} can't be read: newer backups may lie there",
                    "If what was restored is too old, bring that node back and restore again.",
                )
            )
        if mode := exposed(self._token):
            found.append(
                _doubt(
                    "the token for restores is its owner's alone",
                    f"{self._token} is open to others ({mode})",
                    close(self._token),
                )
            )
        return tuple(found)

    def fault(self, backup: Backup, rules: BackupRules, timeout: timedelta) -> str | None:
        """Three calls: the entry, and twice the configuration in the archive itself; and one for each mapped device.

        Raises RefusedError where that passes devices through which this credential can't give a machine, or where a drive is in its way.
        """
        found = self._backups.fault(backup, rules, timeout)
        if found is None:
            self._refuse_devices(backup)
            self._refuse_drives(backup)
        return found

    def standing(self, backups: Sequence[Backup]) -> Mapping[str, Machine]:
        """One call: all guests, by number and by name; and one for each that stands: its configuration."""
        entries = self._api.get("/cluster/resources", type="vm")
        found = {}
        for backup in backups:
            number = _number(backup)
            for entry in entries:
                called = str(entry.get("name", ""))
                if int(entry["vmid"]) == number:
                    found[backup.host] = self._left(backup, entry)
                elif called == backup.host and not entry.get("template"):
                    raise _taken(backup, f"another guest has its name: {entry['id']} on {entry['node']}")
        return found

    def put_back(self, backup: Backup, over: Machine | None, timeout: timedelta) -> Machine:
        """Restore under its number; over what stands there only where that is said, for Proxmox VE refuses a taken one itself."""
        note = self._note(backup)
        number = _number(backup)
        deadline = self._clock.monotonic() + timeout
        parameters: dict[str, Any] = {"vmid": number, "archive": backup.identifier}
        if over is not None:
            self.stop(over, timeout)
            parameters["force"] = 1
        if note.pool not in ("", NO_POOL) and (over is None or self._in_no_pool(over)):
            parameters["pool"] = note.pool
        node = over.place if over is not None else self._node(backup, note)
        machine = Machine(backup.host, f"qemu/{number}", node, Power.STOPPED)
        self._tasks.run(
            lambda: self._api.post(f"/nodes/{node}/qemu", **parameters),
            node=node,
            kind="qmrestore",
            vmid=str(number),
            what=f"{backup.host} ({machine.identifier}): its restore",
            timeout=deadline - self._clock.monotonic(),
        )
        return machine

    def has_own_cards(self, machine: Machine, backup: Backup) -> bool:
        """One call: its configuration, against the backup's note."""
        config = self._api.get(f"{base(machine)}/config")
        return cards_of(config) == self._note(backup).cards

    def in_their_pools(self, backups: Sequence[Backup]) -> Mapping[str, bool | None]:
        """One call: the list of guests; and one for each pool that it does not show."""
        shown = {int(entry["vmid"]): entry.get("pool") for entry in self._api.get("/cluster/resources", type="vm")}
        found: dict[str, bool | None] = {}
        for backup in backups:
            pool = self._note(backup).pool
            if pool in ("", NO_POOL):
                found[backup.host] = True if pool else None
            else:
                found[backup.host] = shown.get(_number(backup)) == pool or (False if self._pools.shows(pool) else None)
        return found

    def left_behind(self, machine: Machine, backup: Backup) -> tuple[str, ...]:
        """One call: its configuration, against the one in the archive."""
        return left_behind(self._text(backup), self._api.get(f"{base(machine)}/config"), vmid(machine))

    def _in_no_pool(self, machine: Machine) -> bool:
        """What a failed restore left is in none; where not all pools are shown, it may be in one."""
        return not machine.pool and self._pools.unseen_as == NO_POOL

    def _left(self, backup: Backup, entry: Mapping[str, Any]) -> Machine:
        """What is left of a machine: itself, or what a failed restore of it left; raises RefusedError for anything else."""
        number, node, called = entry["vmid"], str(entry["node"]), str(entry.get("name", ""))
        power = power_of(entry.get("status"))
        if power is Power.UNKNOWN:
            raise RefusedError(
                f"it is on {node}, which is away: it may run there still",
                where=f"{backup.host}, VM {number}",
                remedy='Bring the node back. If it never comes back: docs/runbooks/restore-machines-in-place.md, "A node is lost".',
            )
        machine = Machine(backup.host, str(entry["id"]), node, power, pool=str(entry.get("pool") or ""))
        config = self._api.get(f"{base(machine)}/config")
        if entry["type"] != "qemu" or not (called == backup.host or is_empty(config)):
            raise _taken(backup, f"its number {number} is that of the {entry['type']} guest {called}")
        if str(config.get("protection") or "0") != "0":
            raise RefusedError(
                "it is protected (option protection), so Proxmox VE lets nobody restore over it",
                where=f"{backup.host}, VM {number} on {node}",
                remedy=f"Somebody meant that. If it is to be lost all the same: `qm set {number} --protection 0`, and run this again.",
            )
        lock = str(entry.get("lock") or "")
        if lock:
            raise RefusedError(
                f"it is locked ({lock})",
                where=f"{backup.host}, VM {number} on {node}",
                remedy="Wait for what holds it; a lock that a crash or a failed restore left is removed by `qm unlock`.",
            )
        return machine

    def _refuse_devices(self, backup: Backup) -> None:
        """Proxmox VE would refuse them, too, but only when what stands there is switched off already."""
        devices = devices_of(present_config(self._text(backup)))
        if devices.raw:
            raise RefusedError(
                f"only root@pam can restore it: {', '.join(devices.raw)} pass devices of the node through",
                where=f"{backup.host}, {backup.identifier}",
                remedy=f"Nothing was touched. Restore it as root: `qmrestore {backup.identifier} {_number(backup)}`.",
            )
        lacking = [
            f"{key} needs Mapping.Use on {path}"
            for key, path in devices.mapped.items()
            if "Mapping.Use" not in privileges_on(self._api, path)
        ]
        if lacking:
            raise RefusedError(
                f"the token may not restore it: {', '.join(lacking)}",
                where=f"{backup.host}, {backup.identifier}",
                remedy="Nothing was touched. Give the token that right (docs/runbooks/restore-machines-in-place.md).",
            )

    def _refuse_drives(self, backup: Backup) -> None:
        config = present_config(self._text(backup))
        left = left_drives(self._api, config, _number(backup), lambda: self._node(backup, self._note(backup)))
        if left:
            raise RefusedError(
                f"its cloud-init drive is there already: {left[0]}, which a gone machine left",
                where=f"{backup.host}, {backup.identifier}",
                remedy=f"Nothing was touched. As root: `pvesm free {left[0]}`, and run this again.",
            )

    def _text(self, backup: Backup) -> str:
        """The configuration in the archive, which never changes."""
        if backup.identifier not in self._texts:
            self._texts[backup.identifier] = self._backups.archived(backup)
        return self._texts[backup.identifier]

    def _node(self, backup: Backup, note: Note) -> str:
        """The node that it was on, while that is there; else the first that sees the backup."""
        states = {str(entry["node"]): entry.get("status") for entry in self._api.get("/nodes")}
        return note.node if states.get(note.node) == _ONLINE else self._backups.node_of(backup)

    def _note(self, backup: Backup) -> Note:
        note = read_note(backup.note)
        if note is None or note.host != backup.host:
            raise RefusedError(
                "its note does not say which machine it is of",
                where=backup.identifier,
                remedy="Restore backups that `drillbook backup create` took, and leave their notes alone.",
            )
        return note


def _number(backup: Backup) -> int:
    if "/ct/" in backup.identifier or "vzdump-lxc-" in backup.identifier:
        raise RefusedError(
            "a container has no guest agent, so it can't be looked at after its restore",
            where=f"{backup.host}, {backup.identifier}",
            remedy="Restore it by `pct restore`.",
        )
    if not backup.source.isdecimal():
        raise InfrastructureError(
            f"Proxmox VE does not say of which number it is ({backup.source or 'nothing'})",
            where=backup.identifier,
            remedy="Choose another backup.",
        )
    return int(backup.source)


def _doubt(name: str, message: str, remedy: str) -> Check:
    return Check(name, Stage.GATE, CheckStatus.SKIPPED, message=message, remedy=remedy)


def _taken(backup: Backup, why: str) -> RefusedError:
    return RefusedError(
        why,
        where=f"{backup.host}, {backup.identifier}",
        remedy="Nothing was touched: look at that guest, and move it away.",
    )
