"""Ends what a killed run left: orphans, machines, files; and closes its record as its successor."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drillbook import process
from drillbook.clock import Clock
from drillbook.errors import DrillbookError, EvidenceError, InfrastructureError
from drillbook.evidence.entries import Entry
from drillbook.journal.journal import EventType, Journal
from drillbook.journal.ledger import LEDGER_FILE, Ledger, Resource, ResourceKind
from drillbook.model import Mode
from drillbook.run.evidence_log import EvidenceWriter, write_record
from drillbook.run.hold import hold_all
from drillbook.run.record import build_successor_record, text_of
from drillbook.run.teardown import Removers, batches, remove_together

_ODD = "a line of its ledger can't be read: look for what carries the run's mark, remove it by hand, and then that line"
_OWNER_UNTOLD = f"{_ODD}; nothing was touched, for nobody can tell whether the run is still being carried out"


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was done about one dead run (or, in a check, what would be)."""

    run_id: str
    removed: tuple[str, ...]
    left: tuple[str, ...]
    closed: bool
    problem: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the form that ``--json`` prints."""
        return {
            "run_id": self.run_id,
            "removed": list(self.removed),
            "left": list(self.left),
            "closed": self.closed,
            "problem": self.problem,
        }


class Cleaner:
    """Touches a run only when its owner is dead and its target is free."""

    def __init__(self, state_directory: Path, clock: Clock, removers: Removers, evidence: EvidenceWriter) -> None:
        self._state = state_directory
        self._clock = clock
        self._removers = removers
        self._evidence = evidence

    def clean(self, *, check: bool = False) -> tuple[Cleaned, ...]:
        """Clean after every dead run, kept sandboxes included; ``check`` only says what would be done."""
        opened = self._evidence.open_runs()
        found = [self._clean(ledger, opened, check=check, held=False) for ledger in self._dead(opened, everything=True)]
        known = {path.parent.name for path in self._ledgers()}
        found += [self._close_lost(run_id, check=check) for run_id in opened if run_id not in known]
        return tuple(found)

    def clean_after_killed(self, targets: Collection[str], mode: Mode) -> tuple[Cleaned, ...]:
        """Clean after runs on ``targets`` that were killed; the caller holds the targets. Kept sandboxes stay.

        A run that went to others, too, is left to `clean`. In place a log that can't be read keeps nothing from being ended: what
        ledgers name is then all that is known, and no record is closed. Raises EvidenceError of a drill.
        """
        opened: Sequence[str] | None = None
        try:
            opened = self._evidence.open_runs()
        except (DrillbookError, OSError):
            if mode is Mode.SANDBOX:
                raise
        return tuple(
            self._clean(ledger, opened or (), check=False, held=True, rescue=mode is Mode.IN_PLACE)
            for ledger in self._dead(opened or (), everything=opened is None)
            if not ledger.owner_untold and set(ledger.targets) <= set(targets)
        )

    def _ledgers(self) -> Sequence[Path]:
        return sorted((self._state / "runs").glob(f"*/{LEDGER_FILE}"))

    def _dead(self, opened: Sequence[str], *, everything: bool) -> Iterator[Ledger]:
        for path in self._ledgers():
            ledger, run_id = Ledger(path.parent, self._clock), path.parent.name
            unfinished = run_id in opened or (everything and bool(ledger.outstanding() or ledger.odd()))
            if unfinished and not ledger.owner_alive():
                yield ledger

    def _clean(
        self, ledger: Ledger, opened: Sequence[str], *, check: bool, held: bool, rescue: bool = False
    ) -> Cleaned:
        """``rescue``: what can't be done, such as closing the record, is told and never raised."""
        run_id = ledger.path.parent.name
        outstanding = ledger.outstanding()
        if ledger.owner_untold:
            return Cleaned(run_id, (), _left(ledger), closed=False, problem=_OWNER_UNTOLD)
        if check:
            return Cleaned(run_id, (), _left(ledger), closed=run_id in opened, problem="only checked")
        try:
            with nullcontext() if held else hold_all(self._state, ledger.targets):
                problem = self._remove_all(run_id, ledger, outstanding)
                unanchored = self._close(run_id, ledger) if (closed := run_id in opened) else None
        except (DrillbookError, OSError) as error:
            if isinstance(error, EvidenceError) and not rescue:
                raise
            return Cleaned(run_id, (), _left(ledger), closed=False, problem=str(error))
        removed = tuple(name for name in _names(outstanding) if name not in _names(ledger.outstanding()))
        problem = problem or (_ODD if ledger.odd() else None) or unanchored
        return Cleaned(run_id, removed, _left(ledger), closed=closed, problem=problem)

    def _remove_all(self, run_id: str, ledger: Ledger, outstanding: Sequence[Resource]) -> str | None:
        """Orphans first, so that nothing is created any more while the rest is removed."""
        first_problem: str | None = None
        for together in batches(sorted(outstanding, key=lambda entry: entry.kind is not ResourceKind.PROCESS)):
            if together[0].kind is not ResourceKind.PROCESS:
                process.kill_marked(run_id)
            try:
                remove_together(together, run_id=run_id, ledger=ledger, removers=self._removers)
            except (DrillbookError, OSError) as error:
                first_problem = first_problem or str(error)
        process.kill_marked(run_id)
        return first_problem

    def _close(self, run_id: str, ledger: Ledger) -> str | None:
        """Close the record; returns what keeps that from being evidence."""
        owner = ledger.owner()
        error = InfrastructureError(
            f"the run was killed (its process {owner.name if owner else '?'} is gone)",
            where=f"run {run_id}, {_reached(ledger.path.parent)}",
            remedy="See who killed it: the system's log, the out-of-memory killer, a reboot.",
        )
        record = build_successor_record(
            self._evidence.opening(run_id),
            Journal(ledger.path.parent).entries(),
            run_id=run_id,
            finished_at=self._clock.now(),
            error=error,
        )
        resources = [entry for entry in ledger.resources() if entry.kind is not ResourceKind.OWNER]
        record["cleanup"] = [entry.as_json() for entry in resources]
        record["leftovers"] = list(_left(ledger))
        write_record(ledger.path.parent, record)
        return _unanchored(self._evidence.append("closed-by-successor", run_id, record))

    def _close_lost(self, run_id: str, *, check: bool) -> Cleaned:
        if check:
            return Cleaned(run_id, (), (), closed=True, problem="only checked")
        error = InfrastructureError(
            "the run was opened, but its ledger is gone",
            where=f"run {run_id}",
            remedy="Look for a sandbox that carries this run's label, and remove it by hand.",
        )
        record = build_successor_record(
            self._evidence.opening(run_id), (), run_id=run_id, finished_at=self._clock.now(), error=error
        )
        unanchored = _unanchored(self._evidence.append("closed-by-successor", run_id, record))
        return Cleaned(run_id, (), (), closed=True, problem="; ".join(filter(None, (str(error), unanchored))))


def _unanchored(entry: Entry) -> str | None:
    if entry.anchored is not False:
        return None
    return f"{entry.name} is not in the anchor yet: {entry.anchor_problem}"


def _left(ledger: Ledger) -> tuple[str, ...]:
    """What is still there, and what may be: lines that can't be read."""
    return (*_names(ledger.outstanding()), *(str(line) for line in ledger.odd()))


def _names(resources: Sequence[Resource]) -> tuple[str, ...]:
    return tuple(f"{resource.kind} {resource.name}" for resource in resources)


def _reached(directory: Path) -> str:
    names = {EventType.STEP_STARTED.value: "name", EventType.TEARDOWN.value: "event"}
    found = ((event, entry) for entry in Journal(directory).entries() if isinstance(event := entry.get("event"), str))
    steps = [step for event, entry in found if event in names and (step := text_of(entry, names[event]))]
    return f"step {steps[-1]}" if steps else "before its first step"
