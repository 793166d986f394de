"""The lab of this machine, as the inventory declares it."""

from typing import Literal

from pydantic import Field

from drillbook.strict import ENDPOINT, AbsolutePath, Name, Strict


class LabDrillRange(Strict):
    """Where a drill's containers go."""

    network: str = Field(description="isolated podman network")
    data_path: str = Field(
        default="", pattern=r"^($|/)", description="where a sandbox host with `disk_bytes` has that disk"
    )
    control: str = Field(default="", pattern=f"^($|{ENDPOINT}$)", description="address:port in it that answers")


class LabPlace(Strict):
    """The lab's own containers on this machine. Their copies are crash-consistent at best, and never hold memory."""

    name: Name = Field(description="unique in the inventory")
    kind: Literal["lab"] = Field(description="`lab`")
    prefix: Name = Field(description="the lab's prefix")
    containers_conf: AbsolutePath = Field(description="the lab's containers.conf")
    drill: LabDrillRange | None = Field(default=None, description="where drills make containers")
