"""Which module serves which kind of place: a line each."""

from collections.abc import Callable, Mapping
from typing import Any

from drillbook.clock import Clock
from drillbook.model import Ec2Place, Place, ProxmoxPlace
from drillbook.providers.protocols import Snapshots

SNAPSHOTS_TOKEN = "snapshots.json"  # noqa: S105 - the name of a file


def open_snapshots(place: Place, clock: Clock) -> Snapshots:
    """Return what takes snapshots there; raises ConfigurationError when its credentials can't be read."""
    return _SNAPSHOTS[type(place)](place, clock)


def _proxmox(place: ProxmoxPlace, clock: Clock) -> Snapshots:
    from drillbook.providers.proxmox import (  # noqa: PLC0415 - requests takes a while; most verbs don't need it
        Endpoint,
        ProxmoxApi,
        ProxmoxSnapshots,
    )

    token = place.tokens_directory / SNAPSHOTS_TOKEN
    return ProxmoxSnapshots(ProxmoxApi(Endpoint(place.host, place.port, place.ca_file, token)), clock)


def _ec2(place: Ec2Place, clock: Clock) -> Snapshots:
    from drillbook.providers.ec2 import Ec2Api, Ec2Snapshots  # noqa: PLC0415 - boto3 takes a while

    return Ec2Snapshots(Ec2Api(place), clock)


_SNAPSHOTS: Mapping[type, Callable[[Any, Clock], Snapshots]] = {ProxmoxPlace: _proxmox, Ec2Place: _ec2}
