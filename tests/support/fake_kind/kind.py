"""The fake kind's declaration: what a kind's file in the package would say."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field

from drillbook.errors import ConfigurationError
from drillbook.kinds.declaration import Granularity, ServiceVariables
from drillbook.kinds.roles import RoleKind
from drillbook.model import Catalog, CatalogSet, Mode, PointType, parse_instant
from drillbook.strict import Seconds


class FakeService(ServiceVariables):
    """A document of rows, restored from sets and the increments behind them."""

    kind: Literal["fake"] = Field(description="`fake`: documents of the tests")
    increment_interval_seconds: Seconds = Field(default=20.0, description="how often an increment is stored")

    @property
    def granularity(self) -> Granularity:
        """A change can be restored when its increment is stored."""
        return Granularity(
            timedelta(seconds=self.increment_interval_seconds), "increments", "increment_interval_seconds"
        )


def read_catalog(answer: Mapping[str, Any]) -> Catalog:
    """A set restores its own moment, an increment the one of its own: nothing is missing between them."""
    if "wrong_key" in answer:
        raise ConfigurationError(answer["wrong_key"], where="the repository", remedy="Take the key from escrow.")
    moments = {part["label"]: parse_instant(part["at"], where="the repository") for part in answer["parts"]}
    sets = tuple(
        CatalogSet(
            label=part["label"],
            type="set",
            restorable_at=moments[part["label"]],
            original_bytes=part["bytes"],
            stored_bytes=part["bytes"],
            encrypted=False,
            fault=part["fault"],
        )
        for part in answer["parts"]
        if part["part"] == "sets"
    )
    oldest = min((one.restorable_at for one in sets if one.usable), default=None)
    newest = max((moments[part["label"]] for part in answer["parts"] if not part["fault"]), default=None)
    return Catalog(sets=sets, oldest=oldest, newest=newest if oldest else None)


FAKE = RoleKind(
    name="fake",
    service=FakeService,
    points=(PointType.LATEST, PointType.OLDEST, PointType.RANDOM, PointType.TIME),
    selectors_by_mode={Mode.SANDBOX: frozenset({"set", "repository_time"}), Mode.IN_PLACE: frozenset({"set"})},
    repositories=("documents",),
    programs=("fake-reader",),
    read_catalog=read_catalog,
)
