"""What moto lacks of EC2's volumes: that they come late, what it says of gp2 and of those that die, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses import EC2Response

if TYPE_CHECKING:
    from collections.abc import Callable

_PROVISIONED = ("gp3", "io1", "io2")
_BASELINE_OF_GP2 = 100
_TAGS_AT_MOST = 50


@dataclass
class Plan:
    """What goes wrong with volumes from now on."""

    late: int = 0
    """So often a new volume is looked for and not shown."""
    vanish: bool = False
    """A new volume is gone again: its KMS key may not be used."""
    attaching: int = 0
    """So often an attachment is shown as being made, of a volume that is in use."""

    def reset(self) -> None:
        """All is well again."""
        self.__init__()  # type: ignore[misc]  # the same object: moto's methods look at it


PLAN = Plan()


def install() -> None:
    """Replace what moto has."""
    for name, replacement in (("create_volume", _create), ("describe_volumes", _describe), ("attach_volume", _attach)):
        setattr(EC2Response, name, replacement(getattr(EC2Response, name)))


def _create(original: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
    def create(self: Any) -> ActionResult:
        kind = self._get_param("VolumeType") or "gp2"
        if self._get_param("Iops") and kind not in _PROVISIONED:
            said = f"The parameter iops is not supported for {kind} volumes."
            raise EC2ClientError("InvalidParameterCombination", said)
        tags = self._parse_tag_specification().get("volume", {})
        if any(key.startswith("aws:") for key in tags):
            said = "Value ( aws: ) for parameter key is invalid. Tag keys starting with 'aws:' are reserved for internal use"
            raise EC2ClientError("InvalidParameterValue", said)
        if len(tags) > _TAGS_AT_MOST:
            raise EC2ClientError("TagLimitExceeded", "You have reached the maximum number of tags.")
        answer: Any = original(self)
        answer.result.looks = PLAN.late
        if PLAN.vanish:
            del self.ec2_backend.volumes[answer.result.id]
        return cast("ActionResult", answer)

    return create


def _attach(original: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
    def attach(self: Any) -> ActionResult:
        answer = original(self)
        self.ec2_backend.volumes[self._get_param("VolumeId")].attachment.looks = PLAN.attaching
        return answer

    return attach


def _describe(original: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
    def describe(self: Any) -> ActionResult:
        answer: Any = original(self)
        answer.result["Volumes"] = [volume for volume in answer.result["Volumes"] if not _counted(volume)]
        for volume in answer.result["Volumes"]:
            if volume.volume_type == "gp2":
                volume.iops = _BASELINE_OF_GP2
            made = volume.attachment
            if made:
                made.status = "attaching" if _counted(made) else "attached"
                made.delete_on_termination = made.instance.block_device_mapping[made.device].delete_on_termination
        return cast("ActionResult", answer)

    return describe


def _counted(thing: Any) -> bool:
    left = getattr(thing, "looks", 0)
    thing.looks = max(0, left - 1)
    return bool(left > 0)
