"""When the volumes of an instance are fetched from their snapshots: until then it reads from those."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import InfrastructureError
from drillbook.providers.ec2.api import Ec2Api, UnsupportedError

TOLD = timedelta(minutes=5)
"""EC2 brings what it says of a volume's initialization up to date once in so long."""
_WHOLE = 100


def wait_until_whole(api: Ec2Api, clock: Clock, poll: timedelta, instance: str, timeout: timedelta) -> bool:
    """Return True when each volume of the instance is there in full, False where EC2 does not say how far they are.

    Raises InfrastructureError when it says that they are not, and ``timeout`` is over.
    """
    filters = [{"Name": "attachment.instance-id", "Values": [instance]}]
    volumes = [
        str(one["VolumeId"]) for one in api.pages("describe_volumes", "Volumes", Filters=filters) if one["SnapshotId"]
    ]
    began = clock.monotonic()
    while volumes:
        try:
            progress = _progress(api, volumes)
        except UnsupportedError:
            return False
        if all(done == _WHOLE for done in progress.values()):
            return True
        waited = clock.monotonic() - began
        unsaid = [volume for volume, done in progress.items() if done is None]
        if unsaid and waited >= min(TOLD, timeout):
            return False
        if waited >= timeout:
            said = ", ".join(f"{volume} {done} %" for volume, done in progress.items())
            raise InfrastructureError(
                f"its volumes were not fetched within {timeout.total_seconds():.0f} s: {said}",
                where=instance,
                remedy="Raise drillbook_step_timeout_seconds, or enable fast snapshot restore for the snapshots.",
            )
        clock.sleep(poll)
    return True


def _progress(api: Ec2Api, volumes: list[str]) -> Mapping[str, int | None]:
    """Per cent by volume; None where it is not said."""
    found: list[Mapping[str, Any]] = api.pages("describe_volume_status", "VolumeStatuses", VolumeIds=volumes)
    said = {str(one["VolumeId"]): one.get("InitializationStatusDetails", {}).get("Progress") for one in found}
    return {volume: said.get(volume) for volume in volumes}
