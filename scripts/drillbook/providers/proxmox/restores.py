"""Machines of a drill on Proxmox VE: restored into a range and a pool, on an isolated bridge, and removed again."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import ConfigurationError, InfrastructureError, RefusedError
from drillbook.model import Backup, BackupRules, Claim, Machine, NetworkCard, Power
from drillbook.providers.proxmox.api import ProxmoxApi
from drillbook.providers.proxmox.backup_storage import PBS
from drillbook.providers.proxmox.claims import number_of, refuse_another_s
from drillbook.providers.proxmox.drill_machines import ProxmoxDrillMachines, mark_of, run_tag
from drillbook.providers.proxmox.escapes import escapes_in
from drillbook.providers.proxmox.limits import find_overreach
from drillbook.providers.proxmox.machines import base
from drillbook.providers.proxmox.notes import listed_backup, read_note
from drillbook.providers.proxmox.permissions import refuse_blind_reader
from drillbook.providers.proxmox.place import ProxmoxDrillRange
from drillbook.providers.resolving import addresses_of
from drillbook.providers.waiting import wait_until

_CARD = re.compile(r"^net\d+$")
_MAC = re.compile(r"(?:^|[=,])((?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2})")
_POLL = timedelta(seconds=0.5)
_NO_NETWORK = "none"


class ProxmoxRestores(ProxmoxDrillMachines):
    """Implements `Restores`, `HostSettings`, `LiveRestores`, `LimitedCredential` and `OwnInterface`.

    A number is taken by making an empty guest of it, in the pool and with the run's tag: that is atomic, and from then on
    whatever happens can be told from others' guests. The backup is restored over that one.
    """

    def __init__(self, api: ProxmoxApi, provider: str, drill: ProxmoxDrillRange, clock: Clock) -> None:
        super().__init__(api, provider, drill, clock)
        self._fetching: dict[str, str] = {}

    def backups(self, hosts: Sequence[str], rules: BackupRules) -> tuple[Backup, ...]:
        """One call, or two: what the drill's own storage entry lists, as far as drillbook took it."""
        if rules.storage == self._drill.backup_storage:
            raise ConfigurationError(
                f"drills would read the backups by {rules.storage}, the entry that they are written by",
                where=f"drillbook_providers, {self._provider}, drill.backup_storage",
                remedy="Add a storage entry for the same Proxmox Backup Server with an account that only reads.",
            )
        found = self._listed(hosts)
        if set(hosts) - {backup.host for backup in found}:
            refuse_blind_reader(self._api, self._drill.backup_storage)
        return found

    def restore(self, claim: Claim, backup: Backup, timeout: timedelta) -> Machine:
        """Take the number, restore over it, and read back what there is."""
        number = number_of(claim, self._provider, self._drill)
        refuse_another_s(claim, backup)
        cards = self._isolated(backup)
        deadline = self._clock.monotonic() + timeout
        what = f"{claim.host} ({claim.identifier})"
        mark = {
            "tags": run_tag(claim.run_id),
            "name": f"drill-{claim.host}",
            "description": mark_of(claim.run_id),
        }
        path, pool = f"/nodes/{self._drill.node}/qemu", self._drill.pool
        self._tasks.run(
            lambda: self._api.post(path, vmid=number, pool=pool, **mark),
            node=self._drill.node,
            kind="qmcreate",
            vmid=str(number),
            what=f"{what}: taking the number",
            timeout=timeout,
        )
        parameters: dict[str, Any] = {"archive": backup.identifier, "force": 1, "unique": 1, "onboot": 0}
        parameters["protection"] = 0  # else what is the drill's own could not be removed
        if self._drill.live:
            parameters["live-restore"] = 1
        parameters |= {"storage": self._drill.storage, "pool": pool, **mark, **cards}
        upid = self._tasks.begin(
            lambda: self._api.post(path, vmid=number, **parameters),
            node=self._drill.node,
            kind="qmrestore",
            vmid=str(number),
        )
        self._fetching[claim.identifier] = upid
        machine = Machine(claim.host, claim.identifier, self._drill.node, Power.STOPPED)
        if self._drill.live:
            self._wait_for_start(machine, upid, deadline)
        else:
            self.finish(machine, deadline - self._clock.monotonic())
        return replace(machine, power=Power.RUNNING if self.runs(machine) else Power.STOPPED)

    def live(self) -> bool:
        """As the place says."""
        return self._drill.live

    def finish(self, machine: Machine, timeout: timedelta) -> bool:
        """Wait for the end of its restore's task; raises what that says."""
        upid = self._fetching.pop(machine.identifier, None)
        if upid is not None:
            self._tasks.wait(upid, what=f"{machine.host} ({machine.identifier}): its restore", timeout=timeout)
        return True

    def cards(self, machine: Machine) -> tuple[NetworkCard, ...]:
        """One call: its configuration."""
        config = self._api.get(f"{base(machine)}/config")
        return tuple(_card(key, str(line)) for key, line in sorted(config.items()) if _CARD.match(key))

    def escapes(self, machine: Machine) -> tuple[str, ...]:
        """One call: its configuration."""
        return escapes_in(self._api.get(f"{base(machine)}/config"))

    def isolated_network(self) -> str:
        """The drill's bridge."""
        return self._drill.bridge

    def forbidden_macs(self, backup: Backup) -> frozenset[str]:
        """Those that the backup's note names: the drill may not read the machine itself."""
        note = read_note(backup.note)
        return frozenset(card.mac for card in note.cards.values()) if note else frozenset()

    def separate(self) -> bool:
        """Yes: a token."""
        return True

    def overreach(self, hosts: Sequence[str]) -> str | None:
        """What the drill's token could do beyond its range: its privileges as Proxmox VE states them, and tries without effect.

        Raises ConfigurationError for a storage of files: there no account only reads.
        """
        self._refuse_files()
        return find_overreach(self._api, self._drill, self._listed(hosts))

    def own_addresses(self) -> tuple[str, ...]:
        """Those of the nodes that are named; of others the drill's token is told none."""
        return tuple(sorted({address for host in self._api.hosts for address in addresses_of(host)}))

    def _refuse_files(self) -> None:
        storage = self._drill.backup_storage
        for entry in self._api.get(f"/nodes/{self._drill.node}/storage", storage=storage):
            if entry.get("type") != PBS:
                raise ConfigurationError(
                    f"{storage} is a storage of type {entry.get('type')}, and who reads backups there can remove them",
                    where=f"drillbook_providers, {self._provider}, drill.backup_storage",
                    remedy="Drills of machines need Proxmox Backup Server: name an entry for it whose account only reads.",
                )

    def _listed(self, hosts: Sequence[str]) -> tuple[Backup, ...]:
        storage = self._drill.backup_storage
        listed = self._api.get(f"/nodes/{self._drill.node}/storage/{storage}/content", content="backup")
        found = [listed_backup(entry, storage) for entry in listed]
        mine = [backup for backup in found if backup is not None and backup.host in hosts]
        return tuple(sorted(mine, key=lambda backup: backup.taken_at))

    def _isolated(self, backup: Backup) -> dict[str, str]:
        """Each card of the backup on the isolated bridge, with the model that the guest knows and a new address."""
        note = read_note(backup.note)
        if note is None:
            raise RefusedError(
                "its note does not say which network cards it has, so they can't be isolated",
                where=backup.identifier,
                remedy="Restore backups that `drillbook backup create` took, and leave their notes alone.",
            )
        return {name: f"{card.model},bridge={self._drill.bridge}" for name, card in note.cards.items()}

    def _wait_for_start(self, machine: Machine, upid: str, deadline: timedelta) -> None:
        """Return when it runs; the end of its restore's task may come first, and says what went wrong."""

        def started() -> bool:
            return self.runs(machine) or (self._tasks.ended(upid) and self.finish(machine, timedelta()))

        late = InfrastructureError(
            f"{machine.host} ({machine.identifier}): its restore did not start it in time",
            where=f"task {upid}",
            remedy="It goes on without us: look at the task, and stop it there if it hangs.",
        )
        wait_until(self._clock, started, deadline=deadline, every=_POLL, late=late)


def _card(name: str, line: str) -> NetworkCard:
    options = dict(part.partition("=")[::2] for part in line.split(","))
    mac = _MAC.search(line)
    return NetworkCard(name, options.get("bridge", _NO_NETWORK), mac[1].upper() if mac else "")
