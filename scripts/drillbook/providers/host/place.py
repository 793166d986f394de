"""Standing sandbox hosts, as the inventory declares them."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, PrivateAttr

from drillbook.strict import Name, Strict


class HostDrillRange(Strict):
    """What a standing host may hold and serve while no drill has it."""

    data_paths: list[str] = Field(
        default=["/srv", "/var/lib/etcd", "/var/lib/postgresql", "/var/lib/redis"],
        description="folders that hold no file while the host is free; one that does refuses the claim",
    )
    ports: list[int] = Field(
        default=[22], description="TCP ports that it may serve others at while it is free, ssh's among them"
    )
    control: ClassVar[str] = ""
    """Whole machines, for which one is named elsewhere, are not restored here."""


class HostPlace(Strict):
    """Hosts of the group `sandbox` that stand all the time. Ansible reaches them, as the inventory says."""

    name: Name = Field(description="unique in the inventory")
    kind: Literal["host"] = Field(description="`host`")
    drill: HostDrillRange = Field(default_factory=HostDrillRange, description="what a free host may hold and serve")
    _inventories: tuple[Path, ...] = PrivateAttr(default=())

    @property
    def inventories(self) -> tuple[Path, ...]:
        """What it was read from."""
        return self._inventories

    def read_from(self, inventories: Sequence[Path]) -> Self:
        """The same place, which knows from what it was read: its hosts are reached by that."""
        known = self.model_copy()
        known._inventories = tuple(inventories)  # noqa: SLF001 - of the same class
        return known
