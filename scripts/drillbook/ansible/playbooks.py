"""What the drill asks of whoever runs playbooks, and what it is told while one runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from drillbook.errors import InfrastructureError
from drillbook.model import Check


class PlaybookFailedError(InfrastructureError):
    """A task failed, a host could not be reached, or the playbook could not be started."""


class StepTimeoutError(InfrastructureError):
    """A playbook was not done within its step's timeout and was killed."""


class StoppedError(InfrastructureError):
    """The run was told to end (deadline or signal) while a playbook ran; it was killed."""


@dataclass(frozen=True, slots=True)
class Order:
    """One playbook to run.

    ``ledger_directory`` is where its process is written down before it starts. ``inventory`` lies over the controller's own: what
    only this run knows of its hosts.
    """

    step: str
    playbook: str
    run_id: str
    variables: Mapping[str, Any]
    timeout: timedelta
    ledger_directory: Path
    inventory: Path | None = None


class Watcher(Protocol):
    """Is told what happens, at the moment it happens, in the thread that runs the playbook."""

    def play_started(self, name: str) -> None:
        """A play begins."""
        ...

    def check(self, check: Check) -> None:
        """A check was made."""
        ...

    def fact(self, name: str, value: Any) -> None:
        """A fact of the run became known."""
        ...

    def task_runs(self, task: str, running: timedelta) -> None:
        """A task has run for so long, and still does; said once a minute."""
        ...

    def task_failed(self, host: str, task: str, message: str) -> None:
        """A task failed; the playbook may still recover from it."""
        ...


class Playbooks(Protocol):
    """Runs playbooks."""

    def run(self, order: Order, watcher: Watcher, stop_reason: Callable[[], str | None]) -> None:
        """Run one to its end.

        ``stop_reason`` is asked about once a second; a text ends the playbook, with everything it started.
        Raises PlaybookFailedError, StepTimeoutError or StoppedError.
        """
        ...
