"""Kinds whose every step is a playbook: roles configure an empty host, and restore the service's data into it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from drillbook.kinds.declaration import ServiceVariables
from drillbook.model import Destination, Mode, Phase, PointType, Step
from drillbook.run.work import Opening

PROVISION = "playbooks/provision_sandbox.yml"
RESTORE = "playbooks/restore.yml"
PROVE = "playbooks/prove.yml"
TEARDOWN = "playbooks/teardown_sandbox.yml"


@dataclass(frozen=True, slots=True)
class RoleKind:
    """Implements `ServiceKind`. What its phases do stands in ``playbooks/<name>/``. ``selectors_by_mode`` holds the selectors of each mode."""

    name: str
    service: type[ServiceVariables]
    points: tuple[PointType, ...]
    selectors_by_mode: Mapping[Mode, frozenset[str]]
    repositories: tuple[str, ...]

    @property
    def destination(self) -> Destination:
        """An empty host of the group `sandbox`."""
        return Destination.SANDBOX_HOST

    def selectors(self, mode: Mode) -> frozenset[str]:
        """See `Kind.selectors`."""
        return self.selectors_by_mode.get(mode, frozenset())

    def steps(self, mode: Mode, timeout: timedelta, provision_playbook: str | None) -> tuple[Step, ...]:
        """See `Kind.steps`: the same restore and proof for the drill and the bad day, on other hosts."""
        provision = PROVISION if mode is Mode.SANDBOX else provision_playbook
        return (
            *((Step("provision", provision, Phase.PROVISION, timeout),) if provision else ()),
            Step("restore", RESTORE, Phase.SELECT, timeout),
            Step("prove", PROVE, Phase.PROVE, timeout),
        )

    def teardown(self, mode: Mode, timeout: timedelta) -> Step | None:
        """See `Kind.teardown`."""
        return Step("teardown", TEARDOWN, Phase.TEARDOWN, timeout) if mode is Mode.SANDBOX else None

    def open_work(self, opening: Opening) -> None:
        """Nothing: each step is a playbook."""
