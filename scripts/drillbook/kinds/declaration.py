"""What a kind of service declares: its keys in the inventory, its granularity, and what does its steps."""

from abc import abstractmethod
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, Self

from pydantic import Field, model_validator

from drillbook.inquiry.asking import Asking
from drillbook.model import Kind, RecoveryPoints
from drillbook.run.work import Opening, Work
from drillbook.strict import Name, Seconds, Strict

MARGIN = timedelta(seconds=10)
"""What an objective must leave beside granularity and heartbeat: the time to notice, and to send what was written."""


@dataclass(frozen=True, slots=True)
class Granularity:
    """The longest time from a change to the next moment that can be restored.

    ``noun`` says what takes that long, ``key`` where the inventory says so.
    """

    interval: timedelta
    noun: str
    key: str


class ObjectivesVariables(Strict):
    """What the service promises."""

    rto_seconds: Seconds = Field(
        description="longest time from declaring a disaster to a verified service, in a sandbox"
    )
    rto_in_place_seconds: Seconds | None = Field(
        default=None, description="the same on the bad day, replicas included; `rto_seconds` if left out"
    )
    rpo_seconds: Seconds = Field(description="most data, in seconds, that the loss of every host may cost")


class ServiceVariables(Strict):
    """A service that holds data; written in the group_vars of its group. Each kind has keys of its own beside these."""

    name: Name = Field(description="what playbooks and the command line call it")
    kind: str = Field(description="what restores and proves it")
    objectives: ObjectivesVariables = Field(description="what it promises")
    heartbeat_interval_seconds: Seconds = Field(
        default=5.0, description="how often the backup agent writes a heartbeat"
    )
    heartbeat_publish_interval_seconds: Seconds = Field(
        default=15.0, description="how often the newest acknowledged heartbeat is put into the store"
    )
    managed: bool = Field(
        default=True,
        description="`false`: others built it. It is drilled, and neither configured by site.yml nor restored in place",
    )
    provision_playbook: str | None = Field(
        default=None,
        pattern=r"^playbooks/([a-z0-9_]+/)?[a-z0-9_]+\.yml$",
        description="playbook that makes lost machines of the service again; first step of a restore in place",
    )

    @property
    @abstractmethod
    def granularity(self) -> Granularity:
        """How finely the kind's recovery points lie."""

    @model_validator(mode="after")
    def _objective_can_be_met(self) -> Self:
        grain = self.granularity
        least = grain.interval.total_seconds() + self.heartbeat_interval_seconds + MARGIN.total_seconds()
        if self.objectives.rpo_seconds < least:
            raise ValueError(
                f"objectives.rpo_seconds {self.objectives.rpo_seconds:g} can't be met: {grain.noun} and heartbeat take "
                f"{least:g} s ({grain.key} + heartbeat_interval_seconds + {MARGIN.total_seconds():g})"
            )
        return self


class ServiceKind(Kind, Protocol):
    """A kind as the configuration and the wiring see it."""

    @property
    def service(self) -> type[ServiceVariables]:
        """Its part of the inventory's schema."""
        ...

    def open_work(self, opening: Opening) -> Work | None:
        """Return what does the steps that are no playbooks; None where each is one. Raises ConfigurationError."""
        ...

    def recovery_points(self, asking: Asking) -> RecoveryPoints:
        """Say what the service can be restored to; raises DrillbookError. What is made for the question is removed again."""
        ...
