"""PostgreSQL: a cluster that streams to its replicas, with a pgBackRest repository and its archive."""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from drillbook.kinds.declaration import Granularity, ServiceVariables
from drillbook.kinds.postgresql.catalog import read_catalog
from drillbook.kinds.roles import RoleKind
from drillbook.model import Mode, PointType
from drillbook.strict import Seconds


class PostgresqlService(ServiceVariables):
    """A PostgreSQL cluster, restored by its roles."""

    kind: Literal["postgresql"] = Field(description="`postgresql`: a cluster, restored by its roles")
    archive_timeout_seconds: Seconds = Field(
        default=60.0, description="longest that a change waits for its WAL segment to be archived"
    )

    @property
    def granularity(self) -> Granularity:
        """A change can be restored when its segment is archived."""
        return Granularity(timedelta(seconds=self.archive_timeout_seconds), "archiving", "archive_timeout_seconds")


POSTGRESQL = RoleKind(
    name="postgresql",
    service=PostgresqlService,
    points=tuple(PointType),
    # In place the repository is read as it is: a rewound one is made whole first (`drillbook repository recover`).
    selectors_by_mode={
        Mode.SANDBOX: frozenset({"exclusive", "set", "timeline", "repository_time"}),
        Mode.IN_PLACE: frozenset({"exclusive", "set", "timeline", "accept_hole"}),
    },
    repositories=("pgbackrest",),
    programs=("pgbackrest",),
    read_catalog=read_catalog,
)
