"""What a question is asked with, and what comes back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

from drillbook.ansible import Playbooks
from drillbook.clock import Clock
from drillbook.model import Asked, MachineGroup, SandboxHost, Service
from drillbook.providers import Place
from drillbook.run.teardown import Removers

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Asking:
    """One question about one service.

    ``where`` is who must be asked: `member`, `controller`, `sandbox` or a host's name; "" takes the first that can answer.
    ``repository_time`` reads a versioned repository as it was then; None reads it as it is.
    ``group`` is there where the service's group is declared as machines. ``sandboxes`` can be made for it, the fittest first.
    ``provider`` returns the place of a provider by its name; raises ConfigurationError. ``tell`` is told what goes on, in a line each.
    """

    service: Service
    where: str
    repository_time: datetime | None
    clock: Clock
    playbooks: Callable[[], Playbooks]
    removers: Removers
    state_directory: Path
    group: MachineGroup | None
    sandboxes: tuple[SandboxHost, ...]
    provider: Callable[[str], Place]
    step_timeout: timedelta
    tell: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PlaceAnswer(Generic[Read]):
    """What was read, and who was asked. ``left`` names what was made for the question and could not be removed."""

    asked: Asked
    value: Read
    left: tuple[str, ...] = ()


Reader = Callable[[Any], Read]
"""Reads what a kind's playbook handed over; raises DrillbookError."""
