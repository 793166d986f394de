"""What moto's images lack, and EC2 has: every volume is in them, tags reach their snapshots, names are unique, copies and protection.

`install` teaches it to moto's own classes, for the whole process; `Images` of a test says what goes wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.models.amis import Ami
from moto.ec2.responses import EC2Response
from moto.ec2.utils import random_ami_id

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Images:
    """What was asked for, and what goes wrong with the next image."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    """The states of the next images, instead of ``available``."""
    lose_answer: int = 0
    """So many images are made, and their answers are an error of the server."""
    has_protection: bool = True
    left_out: set[str] = field(default_factory=set)
    """Devices that the next image lacks."""

    def reset(self) -> None:
        """All is well again."""
        self.__init__()  # type: ignore[misc]  # the same object: moto's methods look at it


PLAN = Images()
UNAVAILABLE = (
    "<Response><Errors><Error><Code>Unavailable</Code><Message>The server is overloaded.</Message></Error></Errors>"
    "<RequestID>1</RequestID></Response>"
)


@cache
def install() -> None:
    """Replace what moto has."""
    original_mappings: Any = Ami.block_device_mappings
    Ami.block_device_mappings = property(  # type: ignore[method-assign,assignment]
        lambda self: _mappings(self) if hasattr(self, "drives") else original_mappings.fget(self)
    )
    EC2Response.create_image = _create_image  # type: ignore[method-assign,assignment]  # as moto takes it, too
    EC2Response.copy_image = _copy_image  # type: ignore[method-assign]
    EC2Response.deregister_image = _deregister(EC2Response.deregister_image)  # type: ignore[method-assign,assignment]
    for verb, state in (("enable", "enabled-without-cooldown"), ("disable", "disabled")):
        setattr(EC2Response, f"{verb}_image_deregistration_protection", _protection(state))


def _mappings(image: Any) -> list[dict[str, Any]]:
    return [
        {"DeviceName": device, "Ebs": {"SnapshotId": snapshot.id, "VolumeSize": snapshot.volume.size}}
        for device, snapshot in image.drives.items()
    ]


def _create_image(self: Any) -> ActionResult | tuple[int, dict[str, int], str]:
    asked = {
        key: self._get_param(key) for key in ("InstanceId", "Name", "Description", "NoReboot", "TagSpecifications")
    }
    PLAN.asked.append({"operation": "CreateImage", **asked})
    instance = self.ec2_backend.get_instance(asked["InstanceId"])
    volumes = {
        device: block.volume_id for device, block in instance.get_block_device_mapping if device not in PLAN.left_out
    }
    image = _image(self.ec2_backend, volumes, asked, instance=instance)
    if PLAN.lose_answer:
        PLAN.lose_answer -= 1
        return 503, {"status": 503}, UNAVAILABLE
    return ActionResult({"ImageId": image.id})


def _copy_image(self: Any) -> ActionResult:
    names = ("SourceImageId", "SourceRegion", "Name", "Description", "Encrypted", "ClientToken", "TagSpecifications")
    asked = {key: self._get_param(key) for key in names}
    PLAN.asked.append({"operation": "CopyImage", **asked})
    backend = self.ec2_backend
    former = backend.__dict__.setdefault("drillbook_copies", {})
    if asked["ClientToken"] not in former:
        source_backend: EC2Backend = _other(backend, asked["SourceRegion"])
        source: Any = source_backend.amis[asked["SourceImageId"]]
        volumes = {
            device: backend.create_volume(size=snapshot.volume.size, zone_name=f"{backend.region_name}a").id
            for device, snapshot in source.drives.items()
        }
        former[asked["ClientToken"]] = _image(backend, volumes, asked, source_ami=source).id
        for volume in volumes.values():
            backend.delete_volume(volume)
    return ActionResult({"ImageId": former[asked["ClientToken"]]})


def _other(backend: Any, region: str) -> Any:
    from moto.ec2.models import ec2_backends  # noqa: PLC0415 - moto itself imports it late

    return ec2_backends[backend.account_id][region]


def _image(backend: Any, volumes: dict[str, str], asked: dict[str, Any], **origin: Any) -> Any:
    if any(image.name == asked["Name"] for image in backend.amis.values()):
        raise EC2ClientError("InvalidAMIName.Duplicate", f"AMI name {asked['Name']} is already in use")
    former = [one.creation_date for one in backend.amis.values() if hasattr(one, "drives")]
    # EC2 says it in whole seconds; two of one test are told apart all the same.
    when = max([utcnow(), *(moment + timedelta(seconds=1) for moment in former)])
    image: Any = Ami(
        backend, random_ami_id(), name=asked["Name"], description=asked["Description"], creation_date=when, **origin
    )
    del backend.snapshots[image.ebs_snapshot.id]
    tags = {entry["ResourceType"]: entry["Tags"] for entry in asked["TagSpecifications"] or ()}
    image.drives = {
        device: backend.create_snapshot(volume, f"Created by CreateImage for {image.id}", from_ami=image.id)
        for device, volume in volumes.items()
    }
    for resource, kind in ((image, "image"), *((snapshot, "snapshot") for snapshot in image.drives.values())):
        resource.add_tags({tag["Key"]: tag["Value"] for tag in tags.get(kind, ())})
    image.state = PLAN.states.pop(0) if PLAN.states else "available"
    image.deregistration_protection = "disabled"
    backend.amis[image.id] = image
    return image


def _deregister(original: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
    def deregister(self: Any) -> ActionResult:
        image = self.ec2_backend.amis.get(self._get_param("ImageId"))
        if getattr(image, "deregistration_protection", "").startswith("enabled"):
            raise EC2ClientError("OperationNotPermitted", "The image is protected against deregistration.")
        return original(self)

    return deregister


def _protection(state: str) -> Callable[[Any], ActionResult]:
    def change(self: Any) -> ActionResult:
        if not PLAN.has_protection:
            raise EC2ClientError("UnsupportedOperation", "The functionality you requested is not available.")
        self.ec2_backend.amis[self._get_param("ImageId")].deregistration_protection = state
        return ActionResult({"Return": "true"})

    return change
