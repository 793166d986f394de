"""An instance's volumes, and how they are replaced by others made of their snapshots.

Tags say what a volume is while that goes on, so that the same call can be made again after a crash at any point of it:
`REPLACED_TAG` is on the old ones until they are deleted, `REPLACEMENT_TAG` on the new ones until they are attached.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import InfrastructureError
from drillbook.model import Machine
from drillbook.providers.ec2.api import Ec2Api
from drillbook.providers.ec2.tags import as_tags, tags_of
from drillbook.providers.waiting import wait_until

REPLACED_TAG = "drillbook:replaced"
REPLACEMENT_TAG = "drillbook:replacement"
_DIES_TAG = "drillbook:dies"
_OWN_TAGS = (REPLACED_TAG, REPLACEMENT_TAG, _DIES_TAG)
_RESERVED = "aws:"
"""AWS alone writes tags that begin so, and refuses them from others."""
_KEPT = ("VolumeType", "Encrypted", "KmsKeyId")
_KEPT_OF_TYPE = {"gp3": ("Iops", "Throughput"), "io1": ("Iops",), "io2": ("Iops",)}
"""What only these types take. EC2 says of others what they have by their size, and refuses to be told it (CreateVolume, Iops)."""
VOLUME_APPEARS = timedelta(seconds=60)
"""How long a new volume may take to be shown (EC2's lists are late); one whose KMS key may not be used never is, or goes again."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume, the device it is attached as or was, and whether it dies with its instance."""

    entry: Mapping[str, Any]
    device: str
    dies: bool
    is_attached: bool = True

    @property
    def identifier(self) -> str:
        """Its id."""
        return str(self.entry["VolumeId"])


class Volumes:
    """Reads and replaces volumes."""

    def __init__(self, api: Ec2Api, clock: Clock, poll: timedelta) -> None:
        self._api = api
        self._clock = clock
        self._poll = poll

    def attached(self, machine: Machine) -> tuple[Volume, ...]:
        """The volumes of an instance, by device."""
        found = [
            Volume(entry, attachment["Device"], bool(attachment.get("DeleteOnTermination")))
            for entry in self._listed("attachment.instance-id", machine.identifier)
            for attachment in entry["Attachments"]
            if attachment["InstanceId"] == machine.identifier
        ]
        return tuple(sorted(found, key=lambda volume: volume.device))

    def prepare(
        self, machine: Machine, snapshots: Mapping[str, str], deadline: timedelta
    ) -> tuple[tuple[Volume, str], ...]:
        """Make a volume of each snapshot (device to snapshot), and say which volume each is to replace. The machine runs on meanwhile.

        Raises InfrastructureError before anything is touched when no volume is attached there any more.
        """
        old = self._to_replace(machine, snapshots)
        for entry in self._listed(f"tag:{REPLACEMENT_TAG}", machine.identifier):
            if not entry["Attachments"]:
                self._delete(str(entry["VolumeId"]))
        new = [self._make(machine, volume, snapshots[volume.device]) for volume in old]
        for identifier in new:
            self._until(identifier, "available", deadline)
        self._mark(machine, old)
        return tuple(zip(old, new, strict=True))

    def replace(self, machine: Machine, pairs: Sequence[tuple[Volume, str]], deadline: timedelta) -> None:
        """Put the new volumes of a stopped machine in the place of the old ones, which are deleted last."""
        for volume, identifier in pairs:
            self._swap(machine, volume, identifier, deadline)
        for entry in self._listed(f"tag:{REPLACED_TAG}", machine.identifier):
            self._delete(str(entry["VolumeId"]))

    def _to_replace(self, machine: Machine, snapshots: Mapping[str, str]) -> list[Volume]:
        """What is attached, and what an attempt that ended had detached already."""
        present = {volume.device: volume for volume in self._detached(machine)}
        present |= {volume.device: volume for volume in self.attached(machine)}
        lost = sorted(snapshots.keys() - present.keys())
        if lost:
            raise InfrastructureError(
                f"a volume was attached as {', '.join(lost)} when the snapshot was taken, and none is now",
                where=machine.host,
                remedy="Attach one there again, or restore the snapshot by hand.",
            )
        return [present[device] for device in snapshots]

    def _detached(self, machine: Machine) -> list[Volume]:
        found = []
        for entry in self._listed(f"tag:{REPLACED_TAG}", machine.identifier):
            tags = tags_of(entry)
            if not entry["Attachments"]:
                device, _, dies = tags[_DIES_TAG].partition(" ")
                found.append(Volume(entry, device, dies == "dies", is_attached=False))
        return found

    def _mark(self, machine: Machine, old: Sequence[Volume]) -> None:
        for volume in old:
            self._tag(
                volume.identifier,
                {REPLACED_TAG: machine.identifier, _DIES_TAG: f"{volume.device} {'dies' if volume.dies else 'stays'}"},
            )

    def _make(self, machine: Machine, volume: Volume, snapshot: str) -> str:
        tags = {
            key: value
            for key, value in tags_of(volume.entry).items()
            if key not in _OWN_TAGS and not key.startswith(_RESERVED)
        }
        tags[REPLACEMENT_TAG] = machine.identifier
        names = (*_KEPT, *_KEPT_OF_TYPE.get(str(volume.entry["VolumeType"]), ()))
        kept = {name: volume.entry[name] for name in names if volume.entry.get(name)}
        made = self._api.call(
            lambda client: client.create_volume(
                AvailabilityZone=machine.place,
                SnapshotId=snapshot,
                TagSpecifications=[{"ResourceType": "volume", "Tags": as_tags(tags)}],
                **kept,
            ),
            f"create_volume of {snapshot}",
        )
        return str(made["VolumeId"])

    def _swap(self, machine: Machine, volume: Volume, new: str, deadline: timedelta) -> None:
        if volume.is_attached:
            self._api.call(
                lambda client: client.detach_volume(VolumeId=volume.identifier, InstanceId=machine.identifier),
                f"detach_volume {volume.identifier}",
            )
            self._until(volume.identifier, "available", deadline)
        self._api.call(
            lambda client: client.attach_volume(VolumeId=new, InstanceId=machine.identifier, Device=volume.device),
            f"attach_volume {new}",
        )
        self._until(new, "in-use", deadline)
        if volume.dies:
            mapping = [{"DeviceName": volume.device, "Ebs": {"DeleteOnTermination": True}}]
            self._api.call(
                lambda client: client.modify_instance_attribute(
                    InstanceId=machine.identifier, BlockDeviceMappings=mapping
                ),
                f"modify_instance_attribute {machine.host}",
            )
        self._api.call(
            lambda client: client.delete_tags(Resources=[new], Tags=[{"Key": REPLACEMENT_TAG}]), f"delete_tags {new}"
        )

    def _tag(self, volume: str, tags: Mapping[str, str]) -> None:
        self._api.call(
            lambda client: client.create_tags(Resources=[volume], Tags=as_tags(tags)), f"create_tags {volume}"
        )

    def _delete(self, volume: str) -> None:
        self._api.call(lambda client: client.delete_volume(VolumeId=volume), f"delete_volume {volume}")

    def _listed(self, key: str, value: str) -> list[Mapping[str, Any]]:
        return self._api.pages("describe_volumes", "Volumes", Filters=[{"Name": key, "Values": [value]}])

    def _until(self, volume: str, wanted: str, deadline: timedelta) -> None:
        """In use it is when it is attached, too: EC2 says the one before the other."""
        appears = min(self._clock.monotonic() + VOLUME_APPEARS, deadline)
        state = ""

        def there() -> bool:
            nonlocal state
            found = next(iter(self._listed("volume-id", volume)), None)
            if found is None and self._clock.monotonic() >= appears:
                raise InfrastructureError(
                    "EC2 made it and does not show it",
                    where=volume,
                    remedy="See that the credentials may use the KMS key of its snapshot (docs/how-to/snapshots.md), and run again.",
                )
            state = str(found["State"]) if found else "not there"
            return (
                found is not None
                and state == wanted
                and all(one["State"] == "attached" for one in found["Attachments"])
            )

        def late() -> InfrastructureError:
            return InfrastructureError(
                f"it is {state} and not {wanted} in time", where=volume, remedy="Look at it in the console."
            )

        wait_until(self._clock, there, deadline=deadline, every=self._poll, late=late)
