"""Backups of EC2 instances: an image of all volumes of one moment each, and a copy of it in a second region."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import ConfigurationError, InfrastructureError, RefusedError, UnknownOutcomeError
from drillbook.model import Backup, BackupMode, BackupNote, BackupRules, Machine, format_instant
from drillbook.providers.ec2.api import Ec2Api
from drillbook.providers.ec2.images import (
    BACKUP_TAG,
    CARDS_TAG,
    COPY_TAG,
    DEVICES_TAG,
    HOST_TAG,
    SOURCE_TAG,
    TAKEN_TAG,
    Images,
    taken_at,
)
from drillbook.providers.ec2.machines import Ec2Machines
from drillbook.providers.ec2.tags import NOTE_TAG, as_tags, tags_of
from drillbook.providers.ec2.volumes import Volumes

_POLL = timedelta(seconds=10)
_TAG_LIMIT = 256
_COPIED_TAGS = (BACKUP_TAG, HOST_TAG, SOURCE_TAG, NOTE_TAG, DEVICES_TAG, CARDS_TAG)


class Ec2Backups(Ec2Machines):
    """Implements `Backups`. EC2 reads no backup again by itself, and does not say how large one is."""

    def __init__(self, api: Ec2Api, clock: Clock, poll: timedelta = _POLL) -> None:
        super().__init__(api)
        self._clock = clock
        self._poll = poll
        self._volumes = Volumes(api, clock, poll)
        self._images = {api.region: Images(api, clock, poll)}

    def refusal(self, machine: Machine, rules: BackupRules) -> str | None:
        """One call: the instance."""
        if rules.mode is BackupMode.SUSPEND:
            return "EC2 can't suspend an instance for its image: mode snapshot (runs on) or stop (rebooted)"
        if rules.copy_to_region == self._api.region:
            return f"copy_to_region is {self._api.region}, where it is already"
        if self._instance(machine).get("RootDeviceType") == "instance-store":
            return "its root is an instance store, which no image of a running instance holds"
        return None

    def back_up(self, machine: Machine, rules: BackupRules, *, note: str, timeout: timedelta) -> Backup:
        """CreateImage, asked for once and looked up by its tag where that was cut off; then its copy."""
        deadline = self._clock.monotonic() + timeout
        devices = [entry.device for entry in self._volumes.attached(machine)]
        if not devices:
            raise InfrastructureError(
                "no volume is attached to it",
                where=f"{machine.host} ({machine.identifier})",
                remedy="See that it is there.",
            )
        name = _name(machine, note)
        tags = {
            BACKUP_TAG: name,
            HOST_TAG: machine.host,
            SOURCE_TAG: machine.identifier,
            NOTE_TAG: note,
            DEVICES_TAG: " ".join(devices),
            CARDS_TAG: str(len(self._instance(machine)["NetworkInterfaces"])),
        }
        _refuse_long(machine, tags)
        images = self._in(self._api.region)
        found = images.one(f"tag:{BACKUP_TAG}", name)
        identifier = str(found["ImageId"]) if found else self._create(machine, rules.mode, name, tags)
        images.wait(identifier, f"the image of {machine.host}", deadline)
        if rules.copy_to_region:
            self._copy(identifier, rules.copy_to_region, deadline)
        return images.backup(identifier)

    def backups(self, hosts: Sequence[str], rules: BackupRules) -> tuple[Backup, ...]:
        """By tag, in both regions. A copy is as old as what it is a copy of."""
        regions = dict.fromkeys((self._api.region, *filter(None, (rules.copy_to_region,))))
        found = [backup for region in regions for backup in self._in(region).of_hosts(hosts)]
        return tuple(sorted(found, key=lambda backup: (backup.taken_at, backup.place, backup.identifier)))

    def fault(self, backup: Backup, rules: BackupRules, timeout: timedelta) -> str | None:  # noqa: ARG002 - each call is bounded
        """Two calls, and two more for a copy: the image and its snapshots."""
        contradiction = BackupNote.contradiction(backup.note, backup.host, backup.source, by="its tags")
        if contradiction is not None:
            return contradiction
        found = self._in(backup.place).fault(backup.identifier)
        if found is not None or backup.place != self._api.region or not rules.copy_to_region:
            return found
        copies = self._in(rules.copy_to_region)
        copy = copies.one(f"tag:{COPY_TAG}", backup.identifier)
        if copy is None:
            return f"there is no copy of it in {rules.copy_to_region}"
        damaged = copies.fault(copy["ImageId"])
        return f"its copy {copy['ImageId']} in {rules.copy_to_region}: {damaged}" if damaged else None

    def protect(self, backup: Backup, *, protected: bool) -> None:
        """Its tag is what drillbook obeys; EC2's own protection is added where the cloud has it."""
        images = self._in(backup.place)
        images.protect(backup.identifier, protected=protected)
        if images.backup(backup.identifier).protected is not protected:
            raise InfrastructureError(
                f"it is still {'not protected' if protected else 'protected'}",
                where=f"{backup.identifier} in {backup.place}",
                remedy="A protection with a cool-down ends after 24 hours; else look at it in the console.",
            )

    def remove(self, backup: Backup, timeout: timedelta) -> None:  # noqa: ARG002 - done at once
        """DeregisterImage, then DeleteSnapshot for each of its snapshots."""
        images = self._in(backup.place)
        image = images.one("image-id", backup.identifier)
        if image is not None and images.backup(backup.identifier).protected:
            raise RefusedError(
                f"{backup.identifier} is protected",
                where=f"{backup.host}, {backup.place}",
                remedy="It was protected on purpose; take the protection away first: drillbook backup unprotect.",
            )
        images.remove(backup.identifier)

    def _instance(self, machine: Machine) -> Mapping[str, Any]:
        reservation = self._api.pages("describe_instances", "Reservations", InstanceIds=[machine.identifier])[0]
        found: Mapping[str, Any] = reservation["Instances"][0]
        return found

    def _in(self, region: str) -> Images:
        if region not in self._images:
            self._images[region] = Images(self._api.in_region(region), self._clock, self._poll)
        return self._images[region]

    def _create(self, machine: Machine, mode: BackupMode, name: str, tags: Mapping[str, str]) -> str:
        """CreateImage knows no client token; it is never asked twice."""
        try:
            made = self._api.once(
                lambda client: client.create_image(
                    InstanceId=machine.identifier,
                    Name=name,
                    Description=f"drillbook: {machine.host}",
                    NoReboot=mode is BackupMode.SNAPSHOT,
                    TagSpecifications=[
                        {"ResourceType": "image", "Tags": as_tags(tags)},
                        {"ResourceType": "snapshot", "Tags": as_tags({BACKUP_TAG: name})},
                    ],
                ),
                f"create_image {machine.host}",
            )
        except UnknownOutcomeError as error:
            return self._in(self._api.region).named(name, error)
        return str(made["ImageId"])

    def _copy(self, identifier: str, region: str, deadline: timedelta) -> None:
        """CopyImage, encrypted; by its client token EC2 makes one copy, however often it is asked."""
        image = self._in(self._api.region).one("image-id", identifier) or {}
        tags = {key: value for key, value in tags_of(image).items() if key in _COPIED_TAGS}
        tags |= {COPY_TAG: identifier, TAKEN_TAG: format_instant(taken_at(image))}
        copies = self._in(region)
        found = copies.one(f"tag:{COPY_TAG}", identifier)
        if found is None:
            found = self._api.in_region(region).call(
                lambda client: client.copy_image(
                    ClientToken=f"drillbook-{identifier}",
                    SourceImageId=identifier,
                    SourceRegion=self._api.region,
                    Name=tags[BACKUP_TAG],
                    Description=image.get("Description", ""),
                    Encrypted=True,
                    TagSpecifications=[
                        {"ResourceType": "image", "Tags": as_tags(tags)},
                        {"ResourceType": "snapshot", "Tags": as_tags({BACKUP_TAG: tags[BACKUP_TAG]})},
                    ],
                ),
                f"copy_image {identifier} to {region}",
            )
        copies.wait(str(found["ImageId"]), f"the copy of {identifier}", deadline)


def _name(machine: Machine, note: str) -> str:
    """Unique for a machine and a note: the same backup, asked for again, has the same name. At most 128 characters."""
    run = getattr(BackupNote.read(note), "run", "")
    mark = hashlib.sha256(f"{machine.identifier} {note}".encode()).hexdigest()[:12]
    readable = re.sub(r"[^A-Za-z0-9()\[\] ./'@_-]", "-", f"{machine.host} {run}").strip()
    return f"{readable[:110]} {mark}"


def _refuse_long(machine: Machine, tags: Mapping[str, str]) -> None:
    long = [key for key, value in tags.items() if len(value) > _TAG_LIMIT]
    if long:
        raise ConfigurationError(
            f"{', '.join(long)} is longer than the {_TAG_LIMIT} characters that EC2 takes in a tag",
            where=machine.host,
            remedy="Shorten the names of host and group, or attach fewer volumes.",
        )
