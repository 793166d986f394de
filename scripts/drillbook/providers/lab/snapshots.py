"""Snapshots of the lab's containers, as images.

A container at rest is a paused one: nothing runs in it, so the image shows one moment, crash-consistent at best. What lies in
memory, in volumes or in directories of this machine is in no image, and such a container is refused.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import InfrastructureError, RefusedError, TakenError
from drillbook.model import BackupMode, Machine, Power, Quiesce, Snapshot
from drillbook.providers.lab.copies import KIND_LABEL, Copier, CopyKind, at_rest, copy_kind_of, read_description
from drillbook.providers.lab.machines import LabMachines, uncopyable
from drillbook.providers.lab.podman import HOST_LABEL, Podman
from drillbook.providers.lab.recipe import Recipe, recipe_of
from drillbook.providers.lab.replacement import replace, standing


class LabSnapshots(LabMachines):
    """Implements `Snapshots` and `Freezing`. What the lab has not: memory in a snapshot."""

    def __init__(self, podman: Podman, clock: Clock) -> None:
        super().__init__(podman)
        self._clock = clock
        self._copier = Copier(podman, clock)

    def refusal(self, machine: Machine, *, ram: bool, quiesce: Quiesce) -> str | None:  # noqa: ARG002 - pausing asks nobody inside
        """One look at the container: whether all that it writes is on its own disk."""
        if ram:
            return "a container's memory can't be kept"
        if machine.power is Power.PAUSED:
            return "it is paused already"
        container = self._podman.inspect(machine.identifier)
        return self._absent(machine) if container is None else uncopyable(container)

    def freeze(self, machine: Machine, timeout: timedelta) -> None:
        """Pause it: its file systems are at rest because nothing runs in it."""
        self._podman.pause(machine.identifier, where=machine.host, timeout=timeout)

    def thaw(self, machine: Machine, timeout: timedelta) -> None:
        """Let it go on."""
        self._podman.unpause(machine.identifier, timeout)

    def take(self, machine: Machine, name: str, *, ram: bool, note: str, timeout: timedelta) -> None:  # noqa: ARG002 - refused
        """Commit it; a running one is paused meanwhile, one that is paused or stopped stays so."""
        reference = self._reference(machine.host, name)
        if self._podman.image(reference) is not None:
            raise TakenError(f"it has a snapshot {name} already", where=machine.host, remedy="Choose another name.")
        recipe = self._recipe(machine, self._podman.inspect(machine.identifier))
        with at_rest(self._podman, machine, BackupMode.SUSPEND):
            self._copier.commit(machine, recipe, reference, kind=CopyKind.SNAPSHOT, note=note, timeout=timeout)

    def snapshots(self, machine: Machine) -> tuple[Snapshot, ...]:
        """All images of it that are snapshots, by the time of the copy."""
        found = []
        for image in self._podman.images():
            description = read_description(image["Labels"])
            if (
                copy_kind_of(image["Labels"]) != CopyKind.SNAPSHOT
                or image["Labels"].get(HOST_LABEL) != machine.host
                or not description
            ):
                continue
            for reference in image.get("Names") or ():
                if reference.startswith(self._reference(machine.host, "")):
                    name = reference.rpartition(":")[2]
                    found.append(Snapshot(machine.host, name, description.taken_at, ram=False, note=description.note))
        return tuple(sorted(found, key=lambda snapshot: snapshot.taken_at))

    def remove(self, machine: Machine, name: str, timeout: timedelta) -> None:
        """Remove the image. One that the machine itself stands on loses its name, and goes with the machine's disk."""
        reference = self._reference(machine.host, name)
        if self._podman.image(reference) is None:
            return
        if self._podman.attempt("rmi", reference, timeout=timeout).returncode != 0:
            self._podman.call("untag", reference, reference, where=machine.host, timeout=timeout)

    def go_back(self, machine: Machine, name: str, timeout: timedelta) -> None:
        """Put a container made of the image in the place of the machine, with its name, addresses, labels and limits; it is left stopped."""
        reference = self._reference(machine.host, name)
        if self._podman.image(reference) is None:
            raise InfrastructureError(
                f"it has no snapshot {name}", where=machine.host, remedy="List what there is: drillbook snapshot list."
            )
        old = standing(self._podman, machine.identifier)
        recipe = self._recipe(machine, old)
        deadline = self._clock.monotonic() + timeout
        replace(
            self._podman,
            machine,
            reference,
            recipe.arguments,
            recipe.command,
            lambda: deadline - self._clock.monotonic(),
        )
        self._forget_nameless(old)

    def start(self, machine: Machine, timeout: timedelta) -> None:
        """Start it, which does nothing for one that runs."""
        self._podman.call("start", machine.identifier, where=machine.host, timeout=timeout)

    def _recipe(self, machine: Machine, container: Mapping[str, Any] | None) -> Recipe:
        why = "there is no container" if container is None else uncopyable(container)
        recipe = None if container is None or why else recipe_of(container)
        if recipe is None:
            raise RefusedError(
                f"it can't be copied: {why}",
                where=machine.host,
                remedy="Take it out of the group; nothing was touched.",
            )
        return recipe

    def _forget_nameless(self, old: Mapping[str, Any] | None) -> None:
        """The image of a snapshot that was removed while the machine stood on it."""
        image = self._podman.image(str(old["Image"])) if old else None
        if image is not None and not image["RepoTags"] and (image["Labels"] or {}).get(KIND_LABEL) == CopyKind.SNAPSHOT:
            self._podman.attempt("image", "rm", str(image["Id"]))

    def _reference(self, host: str, name: str) -> str:
        return f"localhost/drillbook/{CopyKind.SNAPSHOT}/{self._podman.place.prefix}/{host}:{name}"
