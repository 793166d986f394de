"""Puts the lab's hosts back under their own names, with their own addresses, from their backups."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from drillbook.clock import Clock
from drillbook.errors import InfrastructureError, RefusedError
from drillbook.model import Backup, BackupRules, Machine, Power
from drillbook.providers.lab.backups import LabBackups, description_of
from drillbook.providers.lab.copies import macs_of
from drillbook.providers.lab.inside import LabInside
from drillbook.providers.lab.machines import DRILL_LABEL, REPLACED, REPLACEMENT
from drillbook.providers.lab.podman import HOST_LABEL, Podman
from drillbook.providers.lab.recipe import recipe_of
from drillbook.providers.lab.replacement import replace


class LabRecoveries(LabInside):
    """Implements `Recoveries`."""

    def __init__(self, podman: Podman, clock: Clock) -> None:
        super().__init__(podman, clock)
        self._backups = LabBackups(podman, clock)

    def backups(self, hosts: Sequence[str], rules: BackupRules) -> tuple[Backup, ...]:
        """All images of these hosts that are backups."""
        return self._backups.backups(hosts, rules)

    def fault(self, backup: Backup, rules: BackupRules, timeout: timedelta) -> str | None:
        """Read all its layers."""
        return self._backups.fault(backup, rules, timeout)

    def standing(self, backups: Sequence[Backup]) -> Mapping[str, Machine]:
        """One look at all containers; one that stands aside for a copy that was not finished counts as what it stands for."""
        own = [
            entry
            for entry in self._podman.containers()
            if DRILL_LABEL not in entry["Labels"] and not str(entry["Names"][0]).endswith(REPLACEMENT)
        ]
        found = {}
        for backup in backups:
            for entry in own:
                name, host = str(entry["Names"][0]).removesuffix(REPLACED), str(entry["Labels"].get(HOST_LABEL))
                if (name == backup.source) != (host == backup.host):
                    raise RefusedError(
                        f"the container {name} is {host}, and the backup is of {backup.host} in {backup.source}",
                        where=backup.identifier,
                        remedy="Nothing was touched: look at that container, and move it away.",
                    )
                if name == backup.source:
                    power = Power.RUNNING if entry["State"] == "running" else Power.STOPPED
                    found[host] = Machine(host, name, self._podman.place.name, power)
        return found

    def put_back(self, backup: Backup, over: Machine | None, timeout: timedelta) -> Machine:
        """Make a container of the image with all that the machine's own was made with."""
        deadline = self._clock.monotonic() + timeout
        description = description_of(self._podman, backup)
        if over is None and self._podman.inspect(backup.source) is not None:
            raise RefusedError(
                "a container of this name is there by now",
                where=backup.source,
                remedy="Nothing was touched: look at it.",
            )
        machine = Machine(backup.host, backup.source, self._podman.place.name, Power.STOPPED)
        told = description.arguments, description.command
        replace(self._podman, machine, backup.identifier, *told, lambda: deadline - self._clock.monotonic())
        return machine

    def has_own_cards(self, machine: Machine, backup: Backup) -> bool:
        """As podman has them, against what the copy says of itself."""
        container = self._podman.inspect(machine.identifier)
        if container is None:
            raise InfrastructureError("it is gone", where=machine.identifier, remedy="Run the restore again.")
        return macs_of(container, recipe_of(container)) == set(description_of(self._podman, backup).macs)
