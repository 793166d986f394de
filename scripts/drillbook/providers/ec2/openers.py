"""What a region of EC2 offers; each with its own keys. It has no restores in place."""

from drillbook.clock import Clock
from drillbook.errors import ConfigurationError
from drillbook.providers.credential_files import BACKUPS_USER, DRILL_USER, SNAPSHOTS_USER
from drillbook.providers.drill_protocols import DrillMachines, Restores, Sandboxes
from drillbook.providers.ec2.api import Ec2Api
from drillbook.providers.ec2.backups import Ec2Backups
from drillbook.providers.ec2.place import Ec2DrillRange, Ec2Place
from drillbook.providers.ec2.restores import Ec2Restores
from drillbook.providers.ec2.sandboxes import Ec2Sandboxes
from drillbook.providers.ec2.snapshots import Ec2Snapshots
from drillbook.providers.protocols import Backups, Snapshots

LOGS_IN_FIRST = True
"""User data can be read by whoever may describe the instance, so the host key that it brings is replaced at once."""


def open_snapshots(place: Ec2Place, clock: Clock) -> Snapshots:
    """Snapshots of instances' volumes."""
    return Ec2Snapshots(Ec2Api(place, SNAPSHOTS_USER), clock)


def open_backups(place: Ec2Place, clock: Clock) -> Backups:
    """Images of instances."""
    return Ec2Backups(Ec2Api(place, BACKUPS_USER), clock)


def open_removal(place: Ec2Place, drill: Ec2DrillRange, clock: Clock) -> DrillMachines:
    """By the keys that made them."""
    return open_restores(place, drill, clock)


def open_sandboxes(place: Ec2Place, drill: Ec2DrillRange, clock: Clock) -> Sandboxes:
    """Instances of an image; raises ConfigurationError where none is declared."""
    if drill.sandboxes is None:
        raise ConfigurationError(
            "this provider has no image for sandbox hosts",
            where=f"drillbook_providers, {place.name}, drill.sandboxes",
            remedy="Declare it there.",
        )
    return Ec2Sandboxes(Ec2Api(place, DRILL_USER), place, drill, drill.sandboxes, clock)


def open_restores(place: Ec2Place, drill: Ec2DrillRange, clock: Clock) -> Restores:
    """A drill's instances."""
    return Ec2Restores(Ec2Api(place, DRILL_USER), place, drill, clock)
