"""The driver of machine drills with a region of EC2 that is quick: what the kill tests kill. Arguments as its original's."""

from datetime import timedelta
from pathlib import Path
from sys import argv

from tests.contract.ec2_drills.world import POLL
from tests.contract.machine_drills.driver import main

from drillbook.clock import Clock
from drillbook.providers.credential_files import DRILL_USER
from drillbook.providers.drill_protocols import Restores, Sandboxes
from drillbook.providers.ec2 import openers
from drillbook.providers.ec2.api import Ec2Api
from drillbook.providers.ec2.drill import instances, removal, volumes
from drillbook.providers.ec2.place import Ec2DrillRange, Ec2Place
from drillbook.providers.ec2.restores import Ec2Restores
from drillbook.providers.ec2.sandboxes import Ec2Sandboxes

OPEN_SANDBOXES = openers.open_sandboxes


def quick_restores(place: Ec2Place, drill: Ec2DrillRange, clock: Clock) -> Restores:
    """As the openers' own, looking more often."""
    return Ec2Restores(Ec2Api(place, DRILL_USER), place, drill, clock, poll=POLL)


def quick_sandboxes(place: Ec2Place, drill: Ec2DrillRange, clock: Clock) -> Sandboxes:
    """The same of sandbox hosts."""
    if drill.sandboxes is None:
        return OPEN_SANDBOXES(place, drill, clock)
    return Ec2Sandboxes(Ec2Api(place, DRILL_USER), place, drill, drill.sandboxes, clock, poll=POLL)


def hasten(settled: float) -> None:
    """EC2 is late by seconds at most, and so is what waits for it."""
    openers.open_restores = quick_restores
    openers.open_sandboxes = quick_sandboxes
    removal.SETTLED = timedelta(seconds=settled)
    instances.CARD_APPEARS = timedelta(seconds=2)
    volumes.TOLD = timedelta(seconds=1)


if __name__ == "__main__":
    hasten(3.0)
    raise SystemExit(main(Path(argv[1]), argv[2]))
