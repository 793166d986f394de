"""The driver of machine drills with a region of EC2 that is quick: what the kill tests kill. Arguments as its original's."""

from datetime import timedelta
from pathlib import Path
from sys import argv

from tests.contract.ec2_drills.world import POLL
from tests.contract.machine_drills.driver import main

from drillbook.clock import Clock
from drillbook.model import Ec2Place
from drillbook.providers import registry
from drillbook.providers.ec2 import Ec2Api, Ec2Restores
from drillbook.providers.ec2.drill import instances, removal, volumes
from drillbook.providers.protocols import Restores


def quick_restores(place: Ec2Place, clock: Clock) -> Restores:
    """As the registry opens them, looking more often."""
    assert place.drill is not None
    return Ec2Restores(Ec2Api(place, registry.DRILL_USER), place, place.drill, clock, poll=POLL)


def hasten(settled: float) -> None:
    """EC2 is late by seconds at most, and so is what waits for it."""
    registry._RESTORES = {**registry._RESTORES, Ec2Place: quick_restores}
    removal.SETTLED = timedelta(seconds=settled)
    instances.CARD_APPEARS = timedelta(seconds=2)
    volumes.TOLD = timedelta(seconds=1)


if __name__ == "__main__":
    hasten(3.0)
    raise SystemExit(main(Path(argv[1]), argv[2]))
