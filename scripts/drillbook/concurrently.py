"""Does one thing to many machines, a bounded number of them at once; what failed for one does not stop the others."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from drillbook.errors import DrillbookError, InfrastructureError, LockedError


class OfHost(Protocol):
    """A machine, or what belongs to one."""

    @property
    def host(self) -> str:
        """The machine's inventory name."""
        ...


Value = TypeVar("Value")
Subject = TypeVar("Subject", bound=OfHost)


@dataclass(frozen=True, slots=True)
class Result(Generic[Subject, Value]):
    """What came of it for one machine: a value, or an error."""

    machine: Subject
    value: Value | None
    error: DrillbookError | None


def concurrently(
    machines: Sequence[Subject], action: Callable[[Subject], Value], workers: int
) -> tuple[Result[Subject, Value], ...]:
    """Return an outcome for each machine, in their order. Anything but a DrillbookError is a defect, and raised."""

    def attempt(machine: Subject) -> Result[Subject, Value]:
        try:
            return Result(machine, action(machine), None)
        except DrillbookError as error:
            return Result(machine, None, error)

    if not machines:
        return ()
    with ThreadPoolExecutor(max_workers=min(workers, len(machines)), thread_name_prefix="machine") as pool:
        return tuple(pool.map(attempt, machines))


def raise_failures(outcomes: Sequence[Result[Subject, Value]], *, what: str, group: str, remedy: str) -> None:
    """Raise one InfrastructureError that names every machine that failed, and why; nothing if none did.

    It is a LockedError where a lock is all that was in the way.
    """
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    if failed:
        kind = LockedError if all(isinstance(one.error, LockedError) for one in failed) else InfrastructureError
        raise kind(
            f"{what} failed for {len(failed)} of {len(outcomes)} machines: "
            + "; ".join(f"{outcome.machine.host}: {outcome.error}" for outcome in failed),
            where=f"group {group}",
            remedy=remedy,
        )
