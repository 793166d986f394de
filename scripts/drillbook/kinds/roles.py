"""Kinds that playbooks restore: roles configure an empty host, which a provider makes, and restore the service's data into it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from drillbook.inquiry.asking import Asking
from drillbook.kinds.declaration import ServiceVariables
from drillbook.model import Catalog, Destination, Mode, Phase, PointType, RecoveryPoints, Step
from drillbook.run.work import Opening, Work

RESTORE = "playbooks/restore.yml"
PROVE = "playbooks/prove.yml"


@dataclass(frozen=True, slots=True)
class RoleKind:
    """Implements `ServiceKind`. What its phases do stands in ``playbooks/<name>/``.

    ``selectors_by_mode`` holds the selectors of each mode. ``programs`` are what reads its repository: the controller can answer for
    it where they are installed. ``read_catalog`` reads what ``playbooks/<name>/recovery_points.yml`` hands over; raises DrillbookError.
    """

    name: str
    service: type[ServiceVariables]
    points: tuple[PointType, ...]
    selectors_by_mode: Mapping[Mode, frozenset[str]]
    repositories: tuple[str, ...]
    programs: tuple[str, ...]
    read_catalog: Callable[[Mapping[str, Any]], Catalog]

    @property
    def destination(self) -> Destination:
        """An empty host of the group `sandbox`."""
        return Destination.SANDBOX_HOST

    def selectors(self, mode: Mode) -> frozenset[str]:
        """See `Kind.selectors`."""
        return self.selectors_by_mode.get(mode, frozenset())

    def steps(self, mode: Mode, timeout: timedelta, provision_playbook: str | None) -> tuple[Step, ...]:
        """See `Kind.steps`: the same restore and proof for the drill and the bad day, on other hosts."""
        drilled = mode is Mode.SANDBOX
        provision = Step("provision", None if drilled else provision_playbook, Phase.PROVISION, timeout)
        return (
            *((provision,) if drilled or provision_playbook else ()),
            Step("restore", RESTORE, Phase.SELECT, timeout),
            Step("prove", PROVE, Phase.PROVE, timeout),
        )

    def open_work(self, opening: Opening) -> Work | None:
        """See `ServiceKind.open_work`: the provider's part of a drill; in place each step is a playbook."""
        if opening.plan.mode is Mode.IN_PLACE:
            return None
        from drillbook.machines.drill import open_sandbox_work  # noqa: PLC0415 - the providers take a while to load

        return open_sandbox_work(opening)

    def recovery_points(self, asking: Asking) -> RecoveryPoints:
        """See `ServiceKind.recovery_points`: a playbook reads the repository where its software is."""
        from drillbook.inquiry.places import ask_places  # noqa: PLC0415 - the providers take a while to load

        found = ask_places(asking, self.programs, self.read_catalog)
        return RecoveryPoints(
            service=asking.service.name,
            kind=self.name,
            asked=found.asked,
            read_at=asking.clock.now(),
            catalog=found.value,
            repository_time=asking.repository_time,
            left=found.left,
        )
