"""What is in the inventory: services, their kinds, and the drills that rehearse their restore."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from drillbook.model.objectives import Objectives
from drillbook.model.points import PointRequest, PointType
from drillbook.model.steps import Step


class Mode(StrEnum):
    """Where a restore goes."""

    SANDBOX = "sandbox"
    IN_PLACE = "in_place"


class Destination(StrEnum):
    """What a drill restores into: a sandbox host that roles configure, or machines made from backups in a provider's drill range."""

    SANDBOX_HOST = "sandbox_host"
    DRILL_RANGE = "drill_range"


class Kind(Protocol):
    """A kind of service: all that planning and judging need to know of it. `drillbook.kinds` declares them."""

    @property
    def name(self) -> str:
        """What the inventory calls it."""
        ...

    @property
    def destination(self) -> Destination:
        """What its drills restore into."""
        ...

    @property
    def points(self) -> tuple[PointType, ...]:
        """The recovery points that can be asked for."""
        ...

    @property
    def repositories(self) -> tuple[str, ...]:
        """The repositories of the object store that its recovery points lie in."""
        ...

    def selectors(self, mode: Mode) -> frozenset[str]:
        """What a request may say beside its point (see `PointRequest.selectors`); anything else would be ignored, so it is refused."""
        ...

    def steps(self, mode: Mode, timeout: timedelta, provision_playbook: str | None) -> tuple[Step, ...]:
        """The steps of a restore; each is ended after ``timeout``. ``provision_playbook`` makes lost machines again, in place only."""
        ...


@dataclass(frozen=True, slots=True)
class Service:
    """A service that holds data: one inventory group, its objectives and how often it leaves a trace.

    ``granularity`` is the longest time from a change to the next moment that can be restored;
    ``provision_playbook`` makes lost machines again, before a restore in place. What others built is not ``managed``: it is drilled only.
    """

    name: str
    kind: Kind
    group: str
    hosts: tuple[str, ...]
    objectives: Objectives
    heartbeat_interval: timedelta
    heartbeat_publish_interval: timedelta
    granularity: timedelta
    provision_playbook: str | None = None
    managed: bool = True


@dataclass(frozen=True, slots=True)
class Drill:
    """A rehearsal of a restore: of what, from which point, into which sandbox."""

    name: str
    service: Service
    sandbox: str
    point: PointRequest
    objectives: Objectives
    repository_as_of_disaster: bool
    step_timeout: timedelta
    run_deadline: timedelta
    description: str = ""
