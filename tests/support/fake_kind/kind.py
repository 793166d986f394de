"""The fake kind's declaration: what a kind's file in the package would say."""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from drillbook.kinds.declaration import Granularity, ServiceVariables
from drillbook.kinds.roles import RoleKind
from drillbook.model import Mode, PointType
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


FAKE = RoleKind(
    name="fake",
    service=FakeService,
    points=(PointType.LATEST, PointType.OLDEST, PointType.RANDOM, PointType.TIME),
    selectors_by_mode={Mode.SANDBOX: frozenset({"set"}), Mode.IN_PLACE: frozenset({"set"})},
    repositories=("documents",),
)
