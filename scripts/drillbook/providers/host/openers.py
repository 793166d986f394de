"""What standing hosts offer: themselves, as sandboxes."""

from drillbook.clock import Clock
from drillbook.providers.drill_protocols import DrillMachines, Sandboxes
from drillbook.providers.host.place import HostDrillRange, HostPlace
from drillbook.providers.host.sandboxes import StandingHosts


def open_sandboxes(place: HostPlace, _drill: HostDrillRange, _clock: Clock) -> Sandboxes:
    """Claims on them."""
    return StandingHosts(place)


def open_removal(place: HostPlace, _drill: HostDrillRange, _clock: Clock) -> DrillMachines:
    """The end of claims."""
    return StandingHosts(place)
