"""Where machines come from: one class per vendor, told apart by ``kind``."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from drillbook.providers.ec2.place import Ec2Place
from drillbook.providers.host.place import HostPlace
from drillbook.providers.lab.place import LabPlace
from drillbook.providers.proxmox.place import ProxmoxPlace

Place = Annotated[ProxmoxPlace | Ec2Place | LabPlace | HostPlace, Field(discriminator="kind")]


def read_place(values: Mapping[str, Any]) -> Place:
    """Return the place of these values, as `model_dump` gives them."""
    adapter: TypeAdapter[Place] = TypeAdapter(Place)
    return adapter.validate_python(values)
