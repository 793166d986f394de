"""Backups of the lab's containers: images with names of their own, in the same storage as the containers.

They outlive a container, and a mistake in it, but not this machine, and what is the same in two of them podman keeps once: the lab
shows how backups are drilled, it is no place to keep them.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import InfrastructureError, RefusedError
from drillbook.model import Backup, BackupRules, Machine, Power
from drillbook.providers.lab.copies import Copier, CopyKind, Description, at_rest, copy_kind_of, read_description
from drillbook.providers.lab.damage import label_contradiction, unreadable
from drillbook.providers.lab.machines import LabMachines, uncopyable
from drillbook.providers.lab.podman import HOST_LABEL, Podman
from drillbook.providers.lab.recipe import recipe_of

_PROTECTED = "protected"
_TAG_FORMAT = "%Y%m%dT%H%M%S.%fZ"


class LabBackups(LabMachines):
    """Implements `Backups`. A backup's identifier is the image's reference; a second reference protects it."""

    def __init__(self, podman: Podman, clock: Clock) -> None:
        super().__init__(podman)
        self._clock = clock
        self._copier = Copier(podman, clock)

    def refusal(self, machine: Machine, rules: BackupRules) -> str | None:
        """One look at the container: whether all that it writes is on its own disk."""
        foreign = [what for what in (rules.storage, rules.fleecing_storage, rules.copy_to_region) if what]
        if foreign:
            return f"the lab has no {foreign[0]}: its backups lie in podman's own storage"
        if machine.power is Power.PAUSED:
            return "it is paused already"
        container = self._podman.inspect(machine.identifier)
        return self._absent(machine) if container is None else uncopyable(container)

    def back_up(self, machine: Machine, rules: BackupRules, *, note: str, timeout: timedelta) -> Backup:
        """Commit it under a name of this moment; with mode `stop` it is shut down meanwhile, else paused."""
        container = self._podman.inspect(machine.identifier)
        recipe = recipe_of(container) if container else None
        why = self.refusal(machine, rules)
        if why or recipe is None:
            raise RefusedError(f"it can't be backed up: {why}", where=machine.host, remedy="Mend that first.")
        reference = f"{self._repository(CopyKind.BACKUP, machine.host)}:{self._clock.now().strftime(_TAG_FORMAT)}"
        with at_rest(self._podman, machine, rules.mode):
            self._copier.commit(machine, recipe, reference, kind=CopyKind.BACKUP, note=note, timeout=timeout)
        made = [backup for backup in self.backups((machine.host,), rules) if backup.identifier == reference]
        if not made:
            raise InfrastructureError(
                f"podman reports success and shows no image {reference}",
                where=machine.host,
                remedy="Look at its images.",
            )
        return made[0]

    def backups(self, hosts: Sequence[str], rules: BackupRules) -> tuple[Backup, ...]:  # noqa: ARG002 - one storage for all
        """All images of these hosts that are backups."""
        return backups_of_hosts(self._podman, hosts)

    def fault(self, backup: Backup, rules: BackupRules, timeout: timedelta) -> str | None:  # noqa: ARG002 - one storage for all
        """Compare its note with its labels, and read all its layers."""
        image = self._podman.image(backup.identifier)
        if image is None:
            return "its image is not there any more"
        return label_contradiction(image, backup) or unreadable(self._podman, backup.identifier, timeout)

    def protect(self, backup: Backup, *, protected: bool) -> None:
        """Give the image a second name, or take it away."""
        second = self._protecting(backup)
        there = self._podman.image(second) is not None
        if protected and not there:
            self._podman.call("tag", backup.identifier, second, where=backup.host)
        elif there and not protected:
            self._podman.call("untag", second, second, where=backup.host)

    def remove(self, backup: Backup, timeout: timedelta) -> None:
        """Remove the image; nothing happens where it is gone. One that a container stands on can't be removed."""
        if self._podman.image(self._protecting(backup)) is not None:
            raise RefusedError(
                f"{backup.identifier} is protected",
                where=f"{backup.host}, {backup.place}",
                remedy="It was protected on purpose; take the protection away first: drillbook backup unprotect.",
            )
        if self._podman.image(backup.identifier) is not None:
            self._podman.call("rmi", backup.identifier, where=backup.host, timeout=timeout)

    def _protecting(self, backup: Backup) -> str:
        return f"{self._repository(_PROTECTED, backup.host)}:{backup.identifier.rpartition(':')[2]}"

    def _repository(self, kind: str, host: str) -> str:
        return image_repository(self._podman, kind, host)


def image_repository(podman: Podman, kind: str, host: str) -> str:
    """Where the images of a kind lie that are of one host."""
    return f"localhost/drillbook/{kind}/{podman.place.prefix}/{host}"


def backups_of_hosts(podman: Podman, hosts: Sequence[str]) -> tuple[Backup, ...]:
    """The backups of these hosts, oldest first; an image that drillbook did not make is none."""
    found = [_backup(podman, image) for image in podman.images()]
    return tuple(sorted((backup for backup in found if backup and backup.host in hosts), key=lambda one: one.taken_at))


def _backup(podman: Podman, image: Mapping[str, Any]) -> Backup | None:
    labels = image["Labels"]
    description, host = read_description(labels), str(labels.get(HOST_LABEL, ""))
    names = [str(name) for name in image.get("Names") or ()]
    own = [name for name in names if name.startswith(image_repository(podman, CopyKind.BACKUP, host) + ":")]
    if copy_kind_of(labels) != CopyKind.BACKUP or description is None or not own:
        return None
    return Backup(
        host=host,
        identifier=own[0],
        place=podman.place.name,
        source=description.source,
        taken_at=description.taken_at,
        size=int(image["Size"]),
        note=description.note,
        protected=any(name.startswith(image_repository(podman, _PROTECTED, host) + ":") for name in names),
    )


def description_of(podman: Podman, backup: Backup) -> Description:
    """What the image of a backup says of itself; raises RefusedError where there is no such backup of this host, or where it lies."""
    image = podman.image(backup.identifier)
    description = read_description(image["Labels"]) if image else None
    named = backup.identifier.startswith(image_repository(podman, CopyKind.BACKUP, backup.host) + ":")
    if image is None or description is None or not named:
        raise RefusedError(
            "there is no such backup of this host", where=backup.identifier, remedy="Choose one of those listed."
        )
    contradiction = label_contradiction(image, backup)
    if contradiction:
        raise RefusedError(
            contradiction, where=backup.identifier, remedy="Nothing was made; see `drillbook backup verify`."
        )
    return description
