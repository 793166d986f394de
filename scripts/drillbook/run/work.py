"""What a run does itself, step by step, where no playbook does it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from drillbook.clock import Clock
from drillbook.journal.ledger import Ledger
from drillbook.model import Check, MachineGroup, SandboxHost, Step
from drillbook.providers import Place
from drillbook.run.observation import Observation
from drillbook.run.plan import Plan, Track
from drillbook.run.stops import Stops

RUN_INVENTORY = "inventory.yml"
"""In a run's directory: what only the run knows of its hosts. Its playbooks get it over the controller's inventory."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run as the work of one of its tracks sees it: what is to be done, and where to say what was done."""

    plan: Plan
    track: Track
    run_id: str
    declared_at: datetime
    ledger: Ledger
    seen: Observation
    stops: Stops


@dataclass(frozen=True, slots=True)
class Opening:
    """What a kind's work may be made from: a track of the plan, and what the inventory says of the machines below it.

    ``group`` is there where the service's group is declared as machines, ``sandbox`` where the plan goes into a sandbox host; ``place``
    is the provider of either. ``addresses`` are where each host of the inventory but sandboxes is reached, None where that is not known.
    ``workers`` is how many machines are worked on at once.
    """

    plan: Plan
    track: Track
    stops: Stops
    clock: Clock
    group: MachineGroup | None
    sandbox: SandboxHost | None
    place: Place | None
    addresses: Mapping[str, str | None]
    workers: int


class Work(Protocol):
    """The work of one track of a run."""

    def gate(self) -> tuple[Check, ...]:
        """Check what must hold before the disaster is declared; raises RefusedError, InfrastructureError. Nothing is made."""
        ...

    def carry_out(self, step: Step, run: Run) -> None:
        """Do one step; raises DrillbookError."""
        ...
