"""Machines: the hosts of a group, each restored as a whole from its provider's backups."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from pydantic import Field

from drillbook.inquiry.asking import Asking
from drillbook.kinds.declaration import Granularity, ServiceVariables
from drillbook.model import Destination, Mode, Phase, PointType, RecoveryPoints, Step
from drillbook.run.work import Opening, Work
from drillbook.strict import Seconds


class MachinesService(ServiceVariables):
    """The group's hosts as whole machines; `drillbook_machines` of the same group says how they are backed up."""

    kind: Literal["machines"] = Field(description="`machines`: the group's `drillbook_machines`, as a whole")
    backup_interval_seconds: Seconds = Field(
        default=86400.0, description="how often the group's machines are backed up"
    )

    @property
    def granularity(self) -> Granularity:
        """A change can be restored when the next backup is taken."""
        return Granularity(timedelta(seconds=self.backup_interval_seconds), "backups", "backup_interval_seconds")


@dataclass(frozen=True, slots=True)
class MachinesKind:
    """Implements `ServiceKind`: no step is a playbook, the provider's calls are the run's own work."""

    name: str = "machines"
    service: type[ServiceVariables] = MachinesService
    points: tuple[PointType, ...] = (PointType.LATEST, PointType.OLDEST, PointType.RANDOM, PointType.TIME)
    repositories: tuple[str, ...] = ()

    @property
    def destination(self) -> Destination:
        """The provider's drill range."""
        return Destination.DRILL_RANGE

    def selectors(self, mode: Mode) -> frozenset[str]:  # noqa: ARG002 - the same in each mode
        """None: a backup of a machine has no timeline, and lies in no versioned repository."""
        return frozenset()

    def steps(self, mode: Mode, timeout: timedelta, provision_playbook: str | None) -> tuple[Step, ...]:  # noqa: ARG002 - the same for the drill and the bad day
        """See `Kind.steps`."""
        return (
            Step("select", None, Phase.SELECT, timeout),
            Step("restore", None, Phase.TRANSFER, timeout),
            Step("start", None, Phase.START, timeout),
            Step("verify", None, Phase.VERIFY, timeout),
            Step("prove", None, Phase.PROVE, timeout),
        )

    def open_work(self, opening: Opening) -> Work:
        """See `ServiceKind.open_work`."""
        from drillbook.machines.drill import open_work  # noqa: PLC0415 - the providers take a while to load

        return open_work(opening)

    def recovery_points(self, asking: Asking) -> RecoveryPoints:
        """See `ServiceKind.recovery_points`: the provider says which backups there are, also of machines that are gone."""
        from drillbook.kinds.machines.recovery_points import ask_provider  # noqa: PLC0415 - the providers take a while to load

        return ask_provider(asking)


MACHINES = MachinesKind()
