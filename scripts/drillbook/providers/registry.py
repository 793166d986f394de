"""Which module serves which kind of place. It is imported when it is used: boto3 and requests take a while."""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import ConfigurationError
from drillbook.providers.drill_protocols import DrillMachines, Recoveries, Restores, Sandboxes
from drillbook.providers.host.place import HostPlace
from drillbook.providers.place import Place
from drillbook.providers.protocols import Backups, Snapshots

_OPENERS = {
    "proxmox": "drillbook.providers.proxmox.openers",
    "ec2": "drillbook.providers.ec2.openers",
    "lab": "drillbook.providers.lab.openers",
    "host": "drillbook.providers.host.openers",
}
_INSTEAD = {
    "restores in place": "Start the machines by hand from the backups that `drillbook backup list` names, then restore their services."
}
"""What to do where an ability is missing; without an entry: use another provider."""


def open_snapshots(place: Place, clock: Clock) -> Snapshots:
    """Return what takes snapshots there; raises ConfigurationError when its credentials can't be read."""
    opened: Snapshots = _opener(place, "open_snapshots", "snapshots")(place, clock)
    return opened


def open_backups(place: Place, clock: Clock) -> Backups:
    """Return what takes backups there; raises ConfigurationError when its credentials can't be read."""
    opened: Backups = _opener(place, "open_backups", "backups")(place, clock)
    return opened


def open_restores(place: Place, clock: Clock) -> Restores:
    """Return what makes a drill's machines there; raises ConfigurationError when it has no drill range."""
    opened: Restores = _opener(place, "open_restores", "drills")(place, _range(place), clock)
    return opened


def open_removal(place: Place, clock: Clock) -> DrillMachines:
    """Return what removes what drills made there, whole machines and sandbox hosts; raises ConfigurationError as `open_restores`."""
    opened: DrillMachines = _opener(place, "open_removal", "drills")(place, _range(place), clock)
    return opened


def open_sandboxes(place: Place, clock: Clock) -> Sandboxes:
    """Return what makes sandbox hosts there; raises ConfigurationError when it has no drill range, or makes none."""
    opened: Sandboxes = _opener(place, "open_sandboxes", "sandbox hosts")(place, _range(place), clock)
    return opened


def open_recoveries(place: Place, clock: Clock) -> Recoveries:
    """Return what puts machines back there; raises ConfigurationError when its credentials can't be read."""
    opened: Recoveries = _opener(place, "open_recoveries", "restores in place")(place, clock)
    return opened


def refuse_uninstalled(place: Place) -> None:
    """Raises ConfigurationError where a library is missing that its provider needs: which one, and what installs it."""
    _module(place)


def lacking_for_sandboxes(place: Place) -> str:
    """What a place must declare, or be, to make sandbox hosts; "" where it makes them."""
    if not hasattr(_module(place), "open_sandboxes"):
        return "drills of its kind restore whole machines"
    if place.drill is None:
        return "it has no range for drills (`drill`)"
    return "" if getattr(place.drill, "sandboxes", True) else "`drill.sandboxes` says nothing about them"


def has_machines(place: Place) -> bool:
    """Whether it has machines that can be backed up, and not only hosts to restore into."""
    return hasattr(_module(place), "open_backups")


def logs_in_first(place: Place) -> bool:
    """Whether it logs in to a new sandbox host itself, by ssh, before Ansible does."""
    return bool(getattr(_module(place), "LOGS_IN_FIRST", False))


def read_from(place: Place, inventories: Sequence[Path]) -> Place:
    """The place; one whose machines are hosts of the inventory knows then from what it was read."""
    return place.read_from(inventories) if isinstance(place, HostPlace) else place


def _module(place: Place) -> ModuleType:
    try:
        return import_module(_OPENERS[place.kind])
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library in {"", "drillbook"}:
            raise
        raise ConfigurationError(
            f"the provider {place.name} ({place.kind}) needs the Python library {library}, which is not installed",
            where=f"drillbook_providers, {place.name}",
            remedy=f"Install it: {sys.executable} -m pip install 'drillbook[{place.kind}]'",
        ) from error


def _range(place: Place) -> Any:
    if place.drill is None:
        raise ConfigurationError(
            "this provider has no range for drills",
            where=f"drillbook_providers, {place.name}",
            remedy="Declare `drill` there.",
        )
    return place.drill


def _opener(place: Place, name: str, what: str) -> Any:
    opener = getattr(_module(place), name, None)
    if opener is None:
        raise ConfigurationError(
            f"this provider has no {what}: {place.name} is of kind {place.kind}",
            where=f"drillbook_providers, {place.name}",
            remedy=_INSTEAD.get(what, "Use another provider."),
        )
    return opener
