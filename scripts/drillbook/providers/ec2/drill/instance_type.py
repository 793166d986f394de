"""Whether the drill's instance type can run an image, told before anything is made of it."""

from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any

from drillbook.errors import RefusedError
from drillbook.providers.ec2.api import Ec2Api

_EITHER = "uefi-preferred"
"""An image's boot mode that every type has: legacy-bios where it lacks uefi."""


class InstanceType:
    """Asks EC2 once what the type is; what EC2 does not say of the type or the image is not compared."""

    def __init__(self, api: Ec2Api, instance_type: str, key: str = "drill.instance_type") -> None:
        self._api = api
        self._name = instance_type
        self._key = key
        self._type: Mapping[str, Any] = {}
        self._lock = Lock()

    def refuse_misfit(self, image: Mapping[str, Any], cards: int, what: str) -> None:
        """Raise RefusedError that names everything which keeps the type from running the image on so many cards.

        ``what`` is what the image is: "the backup of db1".
        """
        misfits = list(_misfits(self._described(), image, cards))
        if misfits:
            raise RefusedError(
                f"{self._name} can't run {what}: {'; '.join(misfits)}",
                where=str(image["ImageId"]),
                remedy=f"Set {self._key} to one that fits all that it has to run; nothing was made of this one.",
            )

    def _described(self) -> Mapping[str, Any]:
        with self._lock:
            if not self._type:
                found = self._api.pages("describe_instance_types", "InstanceTypes", InstanceTypes=[self._name])
                self._type = next(iter(found), {})
            return self._type


def _misfits(kind: Mapping[str, Any], image: Mapping[str, Any], cards: int) -> Iterator[str]:
    processors = kind.get("ProcessorInfo", {}).get("SupportedArchitectures", ())
    needed = image.get("Architecture")
    if needed and processors and needed not in processors:
        yield f"it is of {needed}, and the type of {', '.join(processors)}"
    modes = kind.get("SupportedBootModes", ())
    mode = image.get("BootMode", _EITHER)
    if modes and mode not in (_EITHER, *modes):
        yield f"it boots by {mode}, and the type by {', '.join(modes)}"
    most = kind.get("NetworkInfo", {}).get("MaximumNetworkInterfaces", cards)
    if cards > most:
        yield f"it had {cards} network interfaces, and the type has {most}"
