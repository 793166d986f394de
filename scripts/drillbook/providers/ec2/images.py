"""Images of instances (AMI) with the snapshots that they are made of, in one region, and the tags that say what they are."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import InfrastructureError, UnknownOutcomeError
from drillbook.model import Backup, parse_instant
from drillbook.providers.ec2.api import Ec2Api, UnsupportedError, in_lots
from drillbook.providers.ec2.tags import NOTE_TAG, as_tags, tags_of
from drillbook.providers.waiting import wait_until

BACKUP_TAG = "drillbook:backup"
"""The image's name: on the image, its snapshots, its copies and their snapshots."""
HOST_TAG = "drillbook:host"
SOURCE_TAG = "drillbook:source"
DEVICES_TAG = "drillbook:devices"
"""The devices that volumes were attached as when the image was asked for."""
CARDS_TAG = "drillbook:cards"
"""How many network interfaces the instance had."""
TAKEN_TAG = "drillbook:taken-at"
"""On copies: when the original was made."""
COPY_TAG = "drillbook:copy-of"
IMAGE_TAG = "drillbook:image"
"""On the snapshots of an image that is about to be deregistered: they are found by it afterwards."""
PROTECTED_TAG = "drillbook:protected"
IMAGE_APPEARS = timedelta(seconds=30)
"""How long an image may take to appear after the call that asked for it was cut off."""


class Images:
    """What drillbook keeps in one region."""

    def __init__(self, api: Ec2Api, clock: Clock, poll: timedelta) -> None:
        self._api = api
        self._clock = clock
        self._poll = poll

    def of_hosts(self, hosts: Sequence[str]) -> Iterator[Backup]:
        """The backups of these hosts, and what is left of those whose removal was interrupted."""
        seen = set()
        for values in in_lots(hosts):
            filters = [{"Name": f"tag:{HOST_TAG}", "Values": values}]
            for image in self._api.pages("describe_images", "Images", Owners=["self"], Filters=filters):
                seen.add(image["ImageId"])
                yield self._backup(image["ImageId"], image)
            for rest in self._api.pages("describe_snapshots", "Snapshots", OwnerIds=["self"], Filters=filters):
                identifier = tags_of(rest).get(IMAGE_TAG)
                if identifier and identifier not in seen:
                    seen.add(identifier)
                    yield self._backup(identifier, rest)

    def usable(self, hosts: Sequence[str]) -> tuple[Backup, ...]:
        """Those that a machine can be made of now, oldest first: what is pending, failed or half removed is none."""
        found = [
            self._backup(one["ImageId"], one)
            for values in in_lots(hosts)
            for one in self._api.pages(
                "describe_images",
                "Images",
                Owners=["self"],
                Filters=[{"Name": f"tag:{HOST_TAG}", "Values": values}, {"Name": "state", "Values": ["available"]}],
            )
        ]
        return tuple(sorted(found, key=lambda one: one.taken_at))

    def one(self, key: str, value: str) -> Mapping[str, Any] | None:
        """The image with this tag or attribute (``image-id``, ``tag:...``), in whatever state."""
        found = self._api.pages(
            "describe_images", "Images", Owners=["self"], Filters=[{"Name": key, "Values": [value]}]
        )
        return next(iter(found), None)

    def backup(self, identifier: str) -> Backup:
        """An image that is known to be there."""
        image = self.one("image-id", identifier)
        if image is None:
            raise InfrastructureError(
                "it is not there any more", where=identifier, remedy="See in the account's events who removed it."
            )
        return self._backup(identifier, image)

    def named(self, name: str, error: UnknownOutcomeError) -> str:
        """The image that a call which was cut off has made; raises ``error`` if there is none."""
        found = wait_until(
            self._clock,
            lambda: self.one(f"tag:{BACKUP_TAG}", name),
            deadline=self._clock.monotonic() + IMAGE_APPEARS,
            every=self._poll,
            late=error,
        )
        return str(found["ImageId"])

    def wait(self, identifier: str, what: str, deadline: timedelta) -> None:
        """Return when it is available; raises InfrastructureError when it fails or is late."""
        where = f"{identifier} in {self._api.region}"

        def available() -> bool:
            image = self.one("image-id", identifier)
            state = str(image["State"]) if image else "pending"
            if state not in ("available", "pending"):
                why = (image or {}).get("StateReason", {}).get("Message", "")
                raise InfrastructureError(
                    f"{what}: the image is {state}{': ' + why if why else ''}",
                    where=where,
                    remedy="See the account's events and quotas, and run the same command again.",
                )
            return state == "available"

        late = InfrastructureError(
            f"{what} was not done in time",
            where=where,
            remedy="It goes on without us: look at the image; raise drillbook_machines.backup.timeout_seconds.",
        )
        wait_until(self._clock, available, deadline=deadline, every=self._poll, late=late)

    def fault(self, identifier: str) -> str | None:
        """What is wrong with the image by itself: its state, its snapshots, and whether every volume is in it."""
        image = self.one("image-id", identifier)
        if image is None:
            return "the image is not there any more"
        if image["State"] != "available":
            return f"the image is {image['State']}"
        snapshots = snapshots_of(image)
        listed = self._snapshots("snapshot-id", *snapshots.values())
        states = {entry["SnapshotId"]: entry["State"] for entry in listed}
        bad = [
            f"{device}: {snapshot} {'is ' + states[snapshot] if snapshot in states else 'is gone'}"
            for device, snapshot in sorted(snapshots.items())
            if states.get(snapshot) != "completed"
        ]
        missing = sorted(set(tags_of(image).get(DEVICES_TAG, "").split()) - set(snapshots))
        bad += [f"{device}: its volume is not in the image" for device in missing]
        return "; ".join(bad) or (None if snapshots else "no volume is in the image")

    def protect(self, identifier: str, *, protected: bool) -> None:
        """By a tag, which drillbook obeys, and by EC2's own protection where the cloud has it."""
        if protected:
            self.tag([identifier], {PROTECTED_TAG: "yes"})
        self._by_the_cloud(identifier, "enable" if protected else "disable")
        if not protected:
            self._api.call(
                lambda client: client.delete_tags(Resources=[identifier], Tags=[{"Key": PROTECTED_TAG}]),
                f"delete_tags {identifier}",
            )

    def remove(self, identifier: str) -> None:
        """Deregister it, then delete its snapshots; the same call can be made again, wherever the last one ended."""
        image = self.one("image-id", identifier)
        if image is not None:
            found = [
                str(entry["SnapshotId"]) for entry in self._snapshots("snapshot-id", *snapshots_of(image).values())
            ]
            marks = {key: value for key, value in tags_of(image).items() if key in (HOST_TAG, SOURCE_TAG, NOTE_TAG)}
            if found:
                self.tag(found, {**marks, IMAGE_TAG: identifier})
            self._api.call(lambda client: client.deregister_image(ImageId=identifier), f"deregister_image {identifier}")
        for entry in self._snapshots(f"tag:{IMAGE_TAG}", identifier):
            snapshot = entry["SnapshotId"]
            self._api.call(lambda client: client.delete_snapshot(SnapshotId=snapshot), f"delete_snapshot {snapshot}")  # noqa: B023 - called at once

    def tag(self, identifiers: Sequence[str], tags: Mapping[str, str]) -> None:
        """Give tags."""
        self._api.call(
            lambda client: client.create_tags(Resources=list(identifiers), Tags=as_tags(tags)),
            f"create_tags {', '.join(identifiers)}",
        )

    def _by_the_cloud(self, identifier: str, verb: str) -> None:
        operation = f"{verb}_image_deregistration_protection"
        try:
            self._api.call(lambda client: getattr(client, operation)(ImageId=identifier), f"{operation} {identifier}")
        except UnsupportedError:
            return

    def _snapshots(self, key: str, *values: str) -> list[Mapping[str, Any]]:
        if not values:
            return []
        filters = [{"Name": key, "Values": list(values)}]
        return self._api.pages("describe_snapshots", "Snapshots", OwnerIds=["self"], Filters=filters)

    def _backup(self, identifier: str, entry: Mapping[str, Any]) -> Backup:
        tags = tags_of(entry)
        by_cloud = str(entry.get("DeregistrationProtection", "")).startswith("enabled")
        return Backup(
            host=tags.get(HOST_TAG, ""),
            identifier=identifier,
            place=self._api.region,
            source=tags.get(SOURCE_TAG, ""),
            taken_at=taken_at(entry),
            note=tags.get(NOTE_TAG, ""),
            protected=PROTECTED_TAG in tags or by_cloud,
        )


def snapshots_of(image: Mapping[str, Any]) -> dict[str, str]:
    """Device to snapshot."""
    return {
        str(entry["DeviceName"]): str(entry["Ebs"].get("SnapshotId", ""))
        for entry in image.get("BlockDeviceMappings", ())
        if "Ebs" in entry
    }


def taken_at(entry: Mapping[str, Any]) -> datetime:
    """When it was made, or what it is a copy of; of a snapshot, when that was started."""
    said = tags_of(entry).get(TAKEN_TAG)
    if said:
        return parse_instant(said, where=TAKEN_TAG)
    if "StartTime" in entry:
        started: datetime = entry["StartTime"]
        return started
    return parse_instant(str(entry["CreationDate"]), where=str(entry["ImageId"]))
