"""A step of a plan."""

from dataclasses import dataclass
from datetime import timedelta

from drillbook.model.phases import Phase


@dataclass(frozen=True, slots=True)
class Step:
    """One playbook, or where that is None one step of the run's own work; time before its first play counts to ``phase``."""

    name: str
    playbook: str | None
    phase: Phase
    timeout: timedelta
