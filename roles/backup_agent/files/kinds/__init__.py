"""What a kind of heartbeat is to the agent: a driver, in a module of the kind's name, with a class ``Heartbeat``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Beat = dict[str, Any]


class NotAcknowledgedError(Exception):
    """A heartbeat was written, and nobody promises that it survives."""


@dataclass(frozen=True)
class Start:
    """What the agent finds when it starts.

    ``acknowledged`` are the newest heartbeats of the log. ``goes_on`` is true where this start of the machine has written
    before, so that the agent alone was started again.
    """

    acknowledged: list[Beat]
    goes_on: bool


@dataclass(frozen=True)
class Chore:
    """What a kind does beside its heartbeats, in a thread of its own; ``failing`` says what is missing when it fails."""

    work: Callable[[], None]
    seconds: float
    failing: str


class AnyHeartbeat(ABC):
    """What every driver is.

    ``failures`` are said and tried again; any other error ends the agent. ``found`` is the newest heartbeat from before
    this start, which must be published before the next one is written; None where nothing has to wait.
    """

    failures: tuple[type[Exception], ...] = ()
    found: Beat | None = None

    @abstractmethod
    def beat(self) -> Beat | None:
        """Write one heartbeat; return its counter and time once it would survive a crash, None where none is to be written.

        Raises one of ``failures``, OSError or NotAcknowledgedError.
        """

    def tidy(self, newest: Beat) -> None:  # noqa: B027 # most kinds have nothing to do here
        """Do what follows an acknowledged heartbeat, after it was logged."""

    def chores(self) -> list[Chore]:
        """What else is done, at a pace of its own."""
        return []
