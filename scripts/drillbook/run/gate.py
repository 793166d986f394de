"""What must hold before a disaster is declared; nothing is created here."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from drillbook.clock import Clock
from drillbook.errors import DrillbookError, LeftoversError, RefusedError
from drillbook.journal.ledger import LEDGER_FILE, Ledger, ResourceKind
from drillbook.journal.lines import OddLine
from drillbook.model import Check, CheckStatus, Mode, Stage
from drillbook.run.plan import Plan


@dataclass(frozen=True, slots=True)
class Outstanding:
    """What a run made and has not removed, as its ledger says it; ``running`` tells that the run is still being carried out.

    ``odd`` is a line of the ledger that can't be read: it may be anything.
    """

    run_id: str
    what: str
    running: bool = False
    odd: OddLine | None = None

    def __str__(self) -> str:
        return f"{self.run_id}: {self.what}"


class Gate:
    """Leftovers first (they cost nothing to see), then the store and the credentials."""

    def __init__(self, runs: Path, clock: Clock, preflight: Callable[[Mode], tuple[Check, ...]]) -> None:
        self._runs = runs
        self._clock = clock
        self._preflight = preflight

    def pass_through(self, plan: Plan, run_id: str) -> tuple[Check, ...]:
        """Return the gate's checks, all green or skipped; raises LeftoversError, RefusedError or InfrastructureError.

        In place a line of a ledger that can't be read stops nobody: it leaves the run unproven.
        """
        found = [one for one in outstanding_of(self._runs, plan.targets, self._clock) if one.run_id != run_id]
        odd = [one for one in found if one.odd] if plan.mode is Mode.IN_PLACE else []
        for one in found:
            if one not in odd:
                raise unwanted(one)
        targets = ", ".join(plan.targets)
        nothing_left = Check(
            name="no leftovers",
            stage=Stage.GATE,
            status=CheckStatus.SKIPPED if odd else CheckStatus.PASSED,
            expected=f"nothing of an earlier run on {targets}",
            actual="" if odd else "nothing",
            message="; ".join(str(one) for one in odd),
            remedy=_remedy(odd[0]) if odd else "",
        )
        return (nothing_left, *self._preflight(plan.mode))


def outstanding_of(runs: Path, targets: Collection[str] | None, clock: Clock) -> tuple[Outstanding, ...]:
    """Return what ledgers say is there, on one of ``targets`` or anywhere: machines, and lines that can't be read.

    A ledger that does not tell its targets, for its line can't be read, counts for each.
    """
    return tuple(
        one for path in sorted(runs.glob(f"*/{LEDGER_FILE}")) for one in _of_ledger(Ledger(path.parent, clock), targets)
    )


def running_runs(runs: Path, clock: Clock) -> tuple[str, ...]:
    """Return the runs that are being carried out now."""
    ledgers = (Ledger(path.parent, clock) for path in sorted(runs.glob(f"*/{LEDGER_FILE}")))
    return tuple(ledger.path.parent.name for ledger in ledgers if ledger.owner_alive())


def _of_ledger(ledger: Ledger, targets: Collection[str] | None) -> Iterator[Outstanding]:
    if targets is not None and not ledger.owner_untold and not set(targets) & set(ledger.targets):
        return
    run_id, running = ledger.path.parent.name, ledger.owner_alive()
    for resource in ledger.outstanding():
        if resource.kind is ResourceKind.MACHINE:
            yield Outstanding(run_id, f"{resource.kind} {resource.name}", running)
    for line in ledger.odd():
        yield Outstanding(run_id, str(line), running, line)


def unwanted(one: Outstanding) -> DrillbookError:
    """What keeps a run from starting: RefusedError of what is in use, LeftoversError of what was left."""
    if one.running:
        return RefusedError(
            f"run {one.run_id} is being carried out, and has made: {one.what}",
            where=f"ledger of {one.run_id}",
            remedy="Wait until it is done; see `drillbook status`.",
        )
    if one.odd:
        said = f"run {one.run_id} may have left something behind: {one.odd.why}"
        at = f"line {one.odd.number} of {one.odd.path}" if one.odd.number else str(one.odd.path)
        return LeftoversError(said, where=at, remedy=_remedy(one))
    said = f"run {one.run_id} left the {one.what} behind"
    return LeftoversError(said, where=f"ledger of {one.run_id}", remedy=_remedy(one))


def _remedy(one: Outstanding) -> str:
    if one.odd is None:
        return "Run `drillbook drill clean`."
    return f"Look for what carries the mark of the run {one.run_id}, remove it by hand, and then that line."
