"""Which module serves which kind of place, and who asks there: snapshots, backups, drills and recoveries have a credential each."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from drillbook.clock import Clock
from drillbook.errors import ConfigurationError
from drillbook.model import Ec2Place, LabPlace, Place, ProxmoxPlace
from drillbook.providers.lab import LabBackups, LabRecoveries, LabRestores, LabSnapshots, Podman
from drillbook.providers.protocols import Backups, Recoveries, Restores, Snapshots

SNAPSHOTS_USER = "snapshots.json"
BACKUPS_USER = "backups.json"
DRILL_USER = "drill.json"
RECOVERY_USER = "recovery.json"
_Made = TypeVar("_Made")
_Range = TypeVar("_Range")
_Makers = Mapping[type, Callable[[Any, Clock], _Made]]


def open_snapshots(place: Place, clock: Clock) -> Snapshots:
    """Return what takes snapshots there; raises ConfigurationError when its credentials can't be read."""
    return _open(_SNAPSHOTS, place, clock, "snapshots")


def open_backups(place: Place, clock: Clock) -> Backups:
    """Return what takes backups there; raises ConfigurationError when its credentials can't be read."""
    return _open(_BACKUPS, place, clock, "backups")


def open_restores(place: Place, clock: Clock) -> Restores:
    """Return what makes a drill's machines there; raises ConfigurationError when it has no drill range."""
    return _open(_RESTORES, place, clock, "drills")


def open_recoveries(place: Place, clock: Clock) -> Recoveries:
    """Return what puts machines back there; raises ConfigurationError when its credentials can't be read."""
    return _open(_RECOVERIES, place, clock, "restores in place")


def _open(makers: _Makers[_Made], place: Place, clock: Clock, what: str) -> _Made:
    maker = makers.get(type(place))
    if maker is None:
        raise ConfigurationError(
            f"this provider has no {what}", where=f"drillbook_providers, {place.name}", remedy="Use another provider."
        )
    return maker(place, clock)


def _proxmox_api(place: ProxmoxPlace, user: str) -> Any:
    from drillbook.providers.proxmox import ProxmoxApi, ProxmoxEndpoint  # noqa: PLC0415 - requests takes a while

    return ProxmoxApi(ProxmoxEndpoint(place.host, place.port, place.ca_file, place.tokens_directory / user))


def _proxmox_snapshots(place: ProxmoxPlace, clock: Clock) -> Snapshots:
    from drillbook.providers.proxmox import ProxmoxSnapshots  # noqa: PLC0415 - requests takes a while

    return ProxmoxSnapshots(_proxmox_api(place, SNAPSHOTS_USER), clock)


def _ec2_snapshots(place: Ec2Place, clock: Clock) -> Snapshots:
    from drillbook.providers.ec2 import Ec2Api, Ec2Snapshots  # noqa: PLC0415 - boto3 takes a while

    return Ec2Snapshots(Ec2Api(place, SNAPSHOTS_USER), clock)


def _proxmox_backups(place: ProxmoxPlace, clock: Clock) -> Backups:
    from drillbook.providers.proxmox import ProxmoxBackups  # noqa: PLC0415 - requests takes a while

    return ProxmoxBackups(_proxmox_api(place, BACKUPS_USER), clock)


def _ec2_backups(place: Ec2Place, clock: Clock) -> Backups:
    from drillbook.providers.ec2 import Ec2Api, Ec2Backups  # noqa: PLC0415 - boto3 takes a while

    return Ec2Backups(Ec2Api(place, BACKUPS_USER), clock)


def _proxmox_restores(place: ProxmoxPlace, clock: Clock) -> Restores:
    from drillbook.providers.proxmox import ProxmoxRestores  # noqa: PLC0415 - requests takes a while

    return ProxmoxRestores(_proxmox_api(place, DRILL_USER), place.name, _range(place.name, place.drill), clock)


def _ec2_restores(place: Ec2Place, clock: Clock) -> Restores:
    from drillbook.providers.ec2 import Ec2Api, Ec2Restores  # noqa: PLC0415 - boto3 takes a while

    return Ec2Restores(Ec2Api(place, DRILL_USER), place, _range(place.name, place.drill), clock)


def _proxmox_recoveries(place: ProxmoxPlace, clock: Clock) -> Recoveries:
    from drillbook.providers.proxmox import ProxmoxRecoveries  # noqa: PLC0415 - requests takes a while

    return ProxmoxRecoveries(_proxmox_api(place, RECOVERY_USER), clock)


def _lab_snapshots(place: LabPlace, clock: Clock) -> Snapshots:
    return LabSnapshots(Podman(place), clock)


def _lab_backups(place: LabPlace, clock: Clock) -> Backups:
    return LabBackups(Podman(place), clock)


def _lab_restores(place: LabPlace, clock: Clock) -> Restores:
    return LabRestores(Podman(place), _range(place.name, place.drill), clock)


def _lab_recoveries(place: LabPlace, clock: Clock) -> Recoveries:
    return LabRecoveries(Podman(place), clock)


def _range(place: str, drill: _Range | None) -> _Range:
    if drill is None:
        raise ConfigurationError(
            "this provider has no range for drills",
            where=f"drillbook_providers, {place}",
            remedy="Declare `drill` there.",
        )
    return drill


_SNAPSHOTS: _Makers[Snapshots] = {
    ProxmoxPlace: _proxmox_snapshots,
    Ec2Place: _ec2_snapshots,
    LabPlace: _lab_snapshots,
}
_BACKUPS: _Makers[Backups] = {
    ProxmoxPlace: _proxmox_backups,
    Ec2Place: _ec2_backups,
    LabPlace: _lab_backups,
}
_RESTORES: _Makers[Restores] = {
    ProxmoxPlace: _proxmox_restores,
    Ec2Place: _ec2_restores,
    LabPlace: _lab_restores,
}
_RECOVERIES: _Makers[Recoveries] = {ProxmoxPlace: _proxmox_recoveries, LabPlace: _lab_recoveries}
