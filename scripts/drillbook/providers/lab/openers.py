"""What the lab's containers offer."""

from drillbook.clock import Clock
from drillbook.providers.drill_protocols import DrillMachines, Recoveries, Restores, Sandboxes
from drillbook.providers.lab.backups import LabBackups
from drillbook.providers.lab.drill_machines import LabDrillMachines
from drillbook.providers.lab.place import LabDrillRange, LabPlace
from drillbook.providers.lab.podman import Podman
from drillbook.providers.lab.recoveries import LabRecoveries
from drillbook.providers.lab.restores import LabRestores
from drillbook.providers.lab.sandboxes import LabSandboxes
from drillbook.providers.lab.snapshots import LabSnapshots
from drillbook.providers.protocols import Backups, Snapshots


def open_snapshots(place: LabPlace, clock: Clock) -> Snapshots:
    """Images of containers."""
    return LabSnapshots(Podman(place), clock)


def open_backups(place: LabPlace, clock: Clock) -> Backups:
    """Images with names of their own."""
    return LabBackups(Podman(place), clock)


def open_restores(place: LabPlace, drill: LabDrillRange, clock: Clock) -> Restores:
    """A drill's containers."""
    return LabRestores(Podman(place), drill, clock)


def open_removal(place: LabPlace, _drill: LabDrillRange, _clock: Clock) -> DrillMachines:
    """By label."""
    return LabDrillMachines(Podman(place))


def open_sandboxes(place: LabPlace, drill: LabDrillRange, clock: Clock) -> Sandboxes:
    """Containers made like their template."""
    return LabSandboxes(Podman(place), drill, clock)


def open_recoveries(place: LabPlace, clock: Clock) -> Recoveries:
    """Containers under their own names."""
    return LabRecoveries(Podman(place), clock)
