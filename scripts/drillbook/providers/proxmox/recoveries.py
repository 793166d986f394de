"""Puts guests of Proxmox VE back into their own numbers, from their backups."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import InfrastructureError, RefusedError
from drillbook.model import Backup, BackupRules, GuestAnswer, Machine, Power
from drillbook.providers.proxmox.api import ProxmoxApi
from drillbook.providers.proxmox.backups import ProxmoxBackups
from drillbook.providers.proxmox.guests import Guests, is_empty
from drillbook.providers.proxmox.machines import base
from drillbook.providers.proxmox.notes import Note, cards_of, read_note
from drillbook.providers.proxmox.tasks import Tasks

_ONLINE = "online"
_POWER = {"running": Power.RUNNING, "paused": Power.PAUSED, "suspended": Power.PAUSED, "stopped": Power.STOPPED}


class ProxmoxRecoveries:
    """Implements `Recoveries`. Disks return to the storages that they came from, cards to their bridges with their addresses."""

    def __init__(self, api: ProxmoxApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._tasks = Tasks(api, clock)
        self._guests = Guests(api, clock)
        self._backups = ProxmoxBackups(api, clock)

    def backups(self, hosts: Sequence[str], rules: BackupRules) -> tuple[Backup, ...]:
        """By the notes on the storage that they are written to."""
        return self._backups.backups(hosts, rules)

    def fault(self, backup: Backup, rules: BackupRules, timeout: timedelta) -> str | None:
        """Two calls: the entry, and the configuration that is read out of the archive itself."""
        return self._backups.fault(backup, rules, timeout)

    def standing(self, backups: Sequence[Backup]) -> Mapping[str, Machine]:
        """One call: all guests, by number and by name; and one for each that has no name."""
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
            self._guests.stop(over, timeout)
            parameters["force"] = 1
        elif note.pool:
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

    def start(self, machine: Machine, timeout: timedelta) -> None:
        """Start it unless it runs."""
        self._guests.start(machine, timeout)

    def answers(self, machine: Machine) -> bool:
        """Whether its guest agent answers."""
        return self._guests.answers(machine)

    def read(self, machine: Machine, path: str) -> str | None:
        """By the guest agent."""
        return self._guests.read(machine, path)

    def run(self, machine: Machine, script: str, timeout: timedelta) -> GuestAnswer:
        """By the guest agent; the script goes in as standard input."""
        return self._guests.run(machine, script, timeout)

    def _left(self, backup: Backup, entry: Mapping[str, Any]) -> Machine:
        """What is left of a machine: itself, or what a failed restore of it left; raises RefusedError for anything else."""
        number, node, called = entry["vmid"], str(entry["node"]), str(entry.get("name", ""))
        power = _POWER.get(str(entry.get("status")))
        if power is None:
            raise RefusedError(
                f"it is on {node}, which is away: it may run there still",
                where=f"{backup.host}, VM {number}",
                remedy="Bring the node back; or switch it off for good, and move the guest's configuration to a node that is there.",
            )
        machine = Machine(backup.host, str(entry["id"]), node, power)
        if entry["type"] != "qemu" or not (called == backup.host or self._empty(machine)):
            raise _taken(backup, f"its number {number} is that of the {entry['type']} guest {called}")
        lock = str(entry.get("lock") or "")
        if lock:
            raise RefusedError(
                f"it is locked ({lock})",
                where=f"{backup.host}, VM {number} on {node}",
                remedy="Wait for what holds it; a lock that a crash or a failed restore left is removed by `qm unlock`.",
            )
        return machine

    def _empty(self, machine: Machine) -> bool:
        return is_empty(self._api.get(f"{base(machine)}/config"))

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


def _taken(backup: Backup, why: str) -> RefusedError:
    return RefusedError(
        why,
        where=f"{backup.host}, {backup.identifier}",
        remedy="Nothing was touched: look at that guest, and move it away.",
    )
