"""Copies of containers as images: what stands in their labels, and how they are made without a torn file in them."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from drillbook.clock import Clock
from drillbook.model import BackupMode, Machine
from drillbook.providers.lab.podman import HOST_LABEL, LAB_LABEL, LOOK, Podman
from drillbook.providers.lab.recipe import Recipe

KIND_LABEL = "drillbook.image"
DESCRIPTION_LABEL = "drillbook.description"
SHUTDOWN = timedelta(seconds=30)
"""A container that is shut down for its copy is killed after this."""
_KEPT = (
    "cap-add",
    "cap-drop",
    "security-opt",
    "systemd",
    "shm-size",
    "pids-limit",
    "ulimit",
    "memory",
    "cpus",
    "sysctl",
)
"""What a copy needs of the container's options to run as it did; none of them reaches a network or a file of this machine."""


class CopyKind(StrEnum):
    """What a copy was made for."""

    SNAPSHOT = "snapshot"
    BACKUP = "backup"


@dataclass(frozen=True, slots=True)
class Description:
    """What a copy says of itself.

    ``options`` are what another container needs to run as this one did; ``arguments`` are all that this one was made with, its networks
    and addresses, too.
    """

    source: str
    taken_at: datetime
    note: str
    options: tuple[str, ...]
    command: tuple[str, ...]
    networks: tuple[str, ...]
    macs: tuple[str, ...]
    arguments: tuple[str, ...]


def _describe(container: Mapping[str, Any], recipe: Recipe, taken_at: datetime, note: str) -> Description:
    """Build the description of a container that was at rest at ``taken_at``."""
    return Description(
        source=str(container["Name"]),
        taken_at=taken_at,
        note=note,
        options=recipe.only(_KEPT),
        command=recipe.command,
        networks=tuple(sorted(networks_of(container))),
        macs=tuple(sorted(macs_of(container, recipe))),
        arguments=recipe.arguments,
    )


def networks_of(container: Mapping[str, Any]) -> Mapping[str, Any]:
    """Its podman networks by name; one in another network namespace has none."""
    return container["NetworkSettings"].get("Networks") or {}


def macs_of(container: Mapping[str, Any], recipe: Recipe | None) -> frozenset[str]:
    """Its hardware addresses: those that it has while it runs, and those that it was given."""
    has = [str(entry["MacAddress"]).lower() for entry in networks_of(container).values()]
    return frozenset(mac for mac in has if mac) | (recipe.macs() if recipe else frozenset())


def read_description(labels: Mapping[str, str] | None) -> Description | None:
    """Read it back; None for an image that drillbook did not make."""
    try:
        text = base64.b64decode((labels or {})[DESCRIPTION_LABEL], validate=True)
        values = json.loads(text)
        lists = {key: tuple(values[key]) for key in ("options", "command", "networks", "macs", "arguments")}
        return Description(**{**values, **lists, "taken_at": datetime.fromisoformat(values["taken_at"])})
    except (KeyError, ValueError, TypeError, binascii.Error):
        return None


@contextmanager
def at_rest(podman: Podman, machine: Machine, mode: BackupMode) -> Iterator[None]:
    """Nothing runs in it for the length of the block, and it runs again afterwards, also when we are killed.

    Mode `stop` shuts it down; the others pause it: podman can't copy what is written to meanwhile. What does not run is left alone.
    """
    if podman.status(machine.identifier) != "running":
        yield
        return
    stop = mode is BackupMode.STOP
    go_on = "start" if stop else "unpause"
    with podman.promised(go_on, machine.identifier):
        if stop:
            seconds = str(int(SHUTDOWN.total_seconds()))
            podman.call("stop", "--time", seconds, machine.identifier, where=machine.host, timeout=LOOK + SHUTDOWN)
        else:
            podman.pause(machine.identifier, where=machine.host)
        try:
            yield
        finally:
            podman.call(go_on, machine.identifier, where=machine.host)


@dataclass(frozen=True, slots=True)
class Copier:
    """Makes images of containers."""

    podman: Podman
    clock: Clock

    def commit(
        self, machine: Machine, recipe: Recipe, reference: str, *, kind: CopyKind, note: str, timeout: timedelta
    ) -> None:
        """Make the image of a container that is at rest; whoever calls this cares for that."""
        container = self.podman.inspect(machine.identifier) or {}
        description = _describe(container, recipe, self.clock.now(), note)
        labels = {
            KIND_LABEL: kind.value,
            LAB_LABEL: self.podman.place.prefix,
            HOST_LABEL: machine.host,
            DESCRIPTION_LABEL: _encode(description),
        }
        changes = [f"--change=LABEL {key}={value}" for key, value in labels.items()]
        self.podman.call(
            "commit", "--quiet", "--pause=false", *changes, machine.identifier, reference, where=machine.host, timeout=timeout
        )  # fmt: skip


def _encode(description: Description) -> str:
    """In letters that mean nothing to the parser of image instructions: quotes, blanks and $ do."""
    values = {**asdict(description), "taken_at": description.taken_at.isoformat()}
    return base64.b64encode(json.dumps(values, sort_keys=True).encode()).decode()


def copy_kind_of(labels: Mapping[str, str] | None) -> str:
    """Whether an image is a snapshot, a backup or something else."""
    return str((labels or {}).get(KIND_LABEL, ""))
