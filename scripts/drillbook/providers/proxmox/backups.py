"""Backups of Proxmox VE guests by vzdump, to Proxmox Backup Server or to a storage of files."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import ConfigurationError, DrillbookError, InfrastructureError, RefusedError, UnknownOutcomeError
from drillbook.model import Backup, BackupNote, BackupRules, Machine
from drillbook.providers.proxmox.api import ProxmoxApi, is_verdict
from drillbook.providers.proxmox.backup_storage import PBS, BackupStorages, place_of, storage_away, storage_of
from drillbook.providers.proxmox.machines import ProxmoxMachines, base, is_container, vmid
from drillbook.providers.proxmox.notes import with_machine
from drillbook.providers.proxmox.permissions import WRITE, refuse_blind
from drillbook.providers.proxmox.pools import VisiblePools
from drillbook.providers.proxmox.tasks import FIRST_POLL, Tasks
from drillbook.providers.waiting import wait_until

_MACHINE_DISK = re.compile(r"(ide|sata|scsi|virtio|efidisk|tpmstate)\d+")
_MOUNT_POINT = re.compile(r"mp\d+")
_NO = frozenset({"0", "no", "off", "false"})
_NOTE_LIMIT = 1024


class ProxmoxBackups(ProxmoxMachines):
    """Implements `Backups`. What needs more than the right to back up (bwlimit, ionice, pruning by Proxmox VE) is never asked for.

    A configuration is read as it is now (current=1): vzdump skips the changes that wait for the next start.
    """

    def __init__(self, api: ProxmoxApi, clock: Clock) -> None:
        super().__init__(api)
        self._clock = clock
        self._tasks = Tasks(api, clock)
        self._storages = BackupStorages(api)
        self._pools = VisiblePools(api)

    def refusal(self, machine: Machine, rules: BackupRules) -> str | None:
        """For each storage what its node and the token's permissions say of it, each once; and the machine's configuration."""
        if machine.lock:
            return f"it is locked ({machine.lock})"
        why = self._unusable(machine, rules.storage, "backup")
        if why is None and rules.fleecing_storage and not is_container(machine):
            why = self._unusable(machine, rules.fleecing_storage, "images")
        return why or self._incomplete(machine, rules.leave_out.get(machine.host, ()))

    def back_up(self, machine: Machine, rules: BackupRules, *, note: str, timeout: timedelta) -> Backup:
        """POST vzdump, and its task; then the entry that is new on the storage. What the task warned of is in ``warnings``.

        ``remove=0`` keeps the storage's own pruning from what drillbook keeps by its rules.
        """
        storage = self._storages.on_node(machine.place, rules.storage)
        if storage is None:
            raise ConfigurationError(
                f"there is no storage {rules.storage} on {machine.place} that this token may write to",
                where=machine.host,
                remedy="Correct drillbook_machines.backup.storage, or give the token Datastore.AllocateSpace on it.",
            )
        place = place_of(machine.place, storage)
        config: Mapping[str, Any] = self._api.get(f"{base(machine)}/config", current=1)
        pool = machine.pool or self._pools.unseen_as
        text = with_machine(note, machine, pool, config)
        before = {backup.identifier for backup in self._storages.of_machine(machine.place, place, vmid(machine))}
        warnings = self._tasks.run(
            lambda: self._start(machine, _parameters(machine, rules, storage, text)),
            node=machine.place,
            kind="vzdump",
            vmid=vmid(machine),
            what=f"{machine.host} ({machine.identifier}): backup to {rules.storage}",
            timeout=timeout,
        )
        for backup in self._storages.of_machine(machine.place, place, vmid(machine)):
            if backup.identifier not in before and backup.note == text:
                return replace(backup, warnings=(*warnings, *(() if pool else self._pools.warnings)))
        raise InfrastructureError(
            f"the task ended well, and no backup with our note is on {place}",
            where=f"{machine.host} ({machine.identifier})",
            remedy="Look at the task's log; see that nothing removes new backups from that storage.",
        )

    def backups(self, hosts: Sequence[str], rules: BackupRules) -> tuple[Backup, ...]:
        """By the notes on the storage. Those of a number that is gone need VM.Backup on /vms, which outlives the machine.

        Raises ConfigurationError where a machine seems to have none because the token may not see them, and InfrastructureError where a
        node's own part of the storage can't be read.
        """
        found, away = self.readable(hosts, rules)
        if away:
            raise storage_away(rules.storage, away)
        return found

    def readable(self, hosts: Sequence[str], rules: BackupRules) -> tuple[tuple[Backup, ...], tuple[str, ...]]:
        """As `backups`, and the nodes that were not read; raises for those only where a machine has no backup elsewhere."""
        listed, away = self._storages.seen(rules.storage)
        found = tuple(backup for backup in listed if backup.host in hosts)
        without = set(hosts) - {backup.host for backup in found}
        if without and away:
            raise storage_away(rules.storage, away)
        refuse_blind(self._api, rules.storage, without)
        return found, away

    def fault(self, backup: Backup, rules: BackupRules, timeout: timedelta) -> str | None:  # noqa: ARG002 - each call is bounded
        """Two calls: the entry, and the configuration that is read out of the archive itself."""
        now = self._listed(backup)
        if now is None:
            return "it is not on its storage any more"
        return _listed_fault(now) or self._config_fault(now)

    def node_of(self, backup: Backup) -> str:
        """A node that sees it."""
        return self._storages.node_of(backup)

    def archived(self, backup: Backup) -> str:
        """The configuration in the archive, as text; one call. Raises DrillbookError where it can't be read out of it."""
        path = f"/nodes/{self._storages.node_of(backup)}/vzdump/extractconfig"
        return str(self._api.get(path, volume=backup.identifier))

    def protect(self, backup: Backup, *, protected: bool) -> None:
        """PUT, then read it back; the same call can be made again."""
        try:
            self._api.put(self._path(backup), protected=int(protected))
        except UnknownOutcomeError:
            now = self._listed(backup)
            if now is None or now.protected is not protected:
                raise
        else:
            now = self._listed(backup)
        if now is None or now.protected is not protected:
            raise InfrastructureError(
                f"it is {'gone' if now is None else 'still ' + ('protected' if now.protected else 'not protected')}",
                where=f"{backup.identifier} on {backup.place}",
                remedy="Look at it by hand, and run the same command again.",
            )

    def remove(self, backup: Backup, timeout: timedelta) -> None:
        """DELETE, and its task; nothing happens where it is gone. A call that was cut off is looked up on the storage."""
        deadline = self._clock.monotonic() + timeout
        now = self._listed(backup)
        if now is None:
            return
        if now.protected:
            raise RefusedError(
                f"{backup.identifier} is protected",
                where=f"{backup.host}, {backup.place}",
                remedy="It was protected on purpose; take the protection away first: drillbook backup unprotect.",
            )
        try:
            task = str(self._api.delete(self._path(backup)) or "")
        except UnknownOutcomeError:
            task = ""
        if task.startswith("UPID:"):
            self._tasks.wait(task, what=f"removing {backup.identifier}", timeout=timeout)
        late = InfrastructureError(
            f"{backup.identifier} is still there after {timeout.total_seconds():.0f} s",
            where=f"{backup.host}, {backup.place}",
            remedy="Look at the node's task list, and run the same command again.",
        )
        wait_until(
            self._clock,
            lambda: self._listed(backup) is None,
            deadline=deadline,
            every=FIRST_POLL * 4,
            late=late,
        )

    def _unusable(self, machine: Machine, name: str, content: str) -> str | None:
        """A storage is shown to who may look at it, too."""
        why = _unusable(self._storages.on_node(machine.place, name), name, content, machine.place)
        if why is None and not self._storages.writable(name):
            return f"the token may not write to storage {name} ({WRITE} on /storage/{name})"
        return why

    def _config_fault(self, backup: Backup) -> str | None:
        """What the configuration in the archive says against the note: the one is read out of what a restore would read."""
        try:
            text = self.archived(backup)
        except DrillbookError as error:
            if not is_verdict(error):
                raise
            return f"its configuration can't be read out of it: {error.message}"
        called = _name_in(text)
        if called == backup.host:
            return None
        return f"its note says that it is of {backup.host}, and the configuration in it is called {called or 'nothing'}"

    def _incomplete(self, machine: Machine, known: Sequence[str]) -> str | None:
        """Which disks a backup would leave out, unless the inventory says that they are meant to be."""
        config: Mapping[str, Any] = self._api.get(f"{base(machine)}/config", current=1)
        left = [key for key in _left_out(config, container=is_container(machine)) if key not in known]
        if not left:
            return None
        return (
            f"a backup would leave out {', '.join(left)} (option backup); change that, or name them in "
            f"drillbook_machines.backup.leave_out"
        )

    def _start(self, machine: Machine, parameters: Mapping[str, Any]) -> str:
        """A node that does not have the machine any more answers OK, and does nothing."""
        answer = str(self._api.post(f"/nodes/{machine.place}/vzdump", **parameters))
        if not answer.startswith("UPID:"):
            raise InfrastructureError(
                f"node {machine.place} does not have it any more, and took no backup",
                where=f"{machine.host} ({machine.identifier})",
                remedy="It moved meanwhile: run the same command again.",
            )
        return answer

    def _listed(self, backup: Backup) -> Backup | None:
        listed = self._storages.of_machine(self._storages.node_of(backup), backup.place, backup.source)
        return next((entry for entry in listed if entry.identifier == backup.identifier), None)

    def _path(self, backup: Backup) -> str:
        return f"/nodes/{self._storages.node_of(backup)}/storage/{storage_of(backup.place)}/content/{backup.identifier}"


def _listed_fault(backup: Backup) -> str | None:
    """What the storage's own listing says against it; what was never verified is not held against it."""
    if backup.size == 0:
        return "it is empty (0 bytes)"
    if backup.verified is False:
        return "Proxmox Backup Server read it and found it damaged (verification failed)"
    return BackupNote.contradiction(backup.note, backup.host, backup.source, by="Proxmox VE")


def _parameters(machine: Machine, rules: BackupRules, storage: Mapping[str, Any], note: str) -> dict[str, Any]:
    """A note has no backslash and no brace, which have a meaning in a template. PBS compresses by itself."""
    if len(note) > _NOTE_LIMIT:
        raise ConfigurationError(
            f"its note has {len(note)} characters, {_NOTE_LIMIT} are allowed",
            where=machine.host,
            remedy="Shorten the names of host and group, or take cards away.",
        )
    asked: dict[str, Any] = {
        "vmid": vmid(machine),
        "storage": rules.storage,
        "mode": rules.mode.value,
        "notes-template": note,
        "remove": 0,
    }
    if storage.get("type") != PBS:
        asked["compress"] = "zstd"
    if rules.fleecing_storage and not is_container(machine):
        asked["fleecing"] = f"enabled=1,storage={rules.fleecing_storage}"
    return asked


def _unusable(storage: Mapping[str, Any] | None, name: str, content: str, node: str) -> str | None:
    if storage is None:
        return f"node {node} has no storage {name} that this token may write to ({WRITE})"
    if content not in str(storage.get("content", "")).split(","):
        return f"storage {name} does not take content {content}"
    if not storage.get("enabled", 1):
        return f"storage {name} is disabled, or not for node {node}"
    return None if storage.get("active") else f"storage {name} is not active on node {node}"


def _left_out(config: Mapping[str, Any], *, container: bool) -> list[str]:
    """Disks of a machine that say no, mount points of a container that don't say yes."""
    found = []
    for key, value in sorted(config.items()):
        options = dict(part.partition("=")[::2] for part in str(value).split(","))
        if container and _MOUNT_POINT.fullmatch(key) and options.get("backup", "0") in _NO:
            found.append(key)
        if not container and _MACHINE_DISK.fullmatch(key) and options.get("backup", "1") in _NO:
            found.append(key)
    return found


def _name_in(config: str) -> str:
    """What the guest is called in its configuration; sections behind it are its snapshots'."""
    present = config.partition("\n[")[0]
    found = re.search(r"^(?:name|hostname): *(\S+)", present, re.MULTILINE)
    return found[1] if found else ""
