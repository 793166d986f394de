"""What a run does itself, step by step, where no playbook does it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from drillbook.journal.ledger import Ledger
from drillbook.model import Check, Step
from drillbook.run.observation import Observation
from drillbook.run.plan import Plan
from drillbook.run.stops import Stops


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its work sees it: what is to be done, and where to say what was done."""

    plan: Plan
    run_id: str
    declared_at: datetime
    ledger: Ledger
    seen: Observation
    stops: Stops


class Work(Protocol):
    """The work of one run of one kind of service."""

    def gate(self) -> tuple[Check, ...]:
        """Check what must hold before the disaster is declared; raises RefusedError, InfrastructureError. Nothing is made."""
        ...

    def carry_out(self, step: Step, run: Run) -> None:
        """Do one step; raises DrillbookError."""
        ...
