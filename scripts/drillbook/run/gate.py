"""What must hold before a disaster is declared; nothing is created here."""

from collections.abc import Callable, Collection
from pathlib import Path

from drillbook.clock import Clock
from drillbook.errors import LeftoversError
from drillbook.journal.ledger import LEDGER_FILE, Ledger, Resource, ResourceKind
from drillbook.model import Check, CheckStatus, Mode, Stage
from drillbook.run.plan import Plan


class Gate:
    """Leftovers first (they cost nothing to see), then the store and the credentials."""

    def __init__(self, runs: Path, clock: Clock, preflight: Callable[[Mode], tuple[Check, ...]]) -> None:
        self._runs = runs
        self._clock = clock
        self._preflight = preflight

    def pass_through(self, plan: Plan, run_id: str) -> tuple[Check, ...]:
        """Return the gate's checks, all green; raises LeftoversError, RefusedError or InfrastructureError."""
        for other, resource in leftovers(self._runs, plan.targets, self._clock):
            if other != run_id:
                raise LeftoversError(
                    f"run {other} left the {resource.kind} {resource.name} behind",
                    where=f"ledger of {other}",
                    remedy="Run `drillbook drill clean`.",
                )
        nothing_left = Check(
            name="no leftovers",
            stage=Stage.GATE,
            status=CheckStatus.PASSED,
            expected=f"nothing of an earlier run on {', '.join(plan.targets)}",
            actual="nothing",
        )
        return (nothing_left, *self._preflight(plan.mode))


def leftovers(runs: Path, targets: Collection[str] | None, clock: Clock) -> tuple[tuple[str, Resource], ...]:
    """Return run id and machine of everything that a ledger says is still there, on one of ``targets`` or anywhere."""
    found = []
    for path in sorted(runs.glob(f"*/{LEDGER_FILE}")):
        ledger = Ledger(path.parent, clock)
        if targets is None or set(targets) & set(ledger.targets):
            machines = (entry for entry in ledger.outstanding() if entry.kind is ResourceKind.MACHINE)
            found += [(path.parent.name, machine) for machine in machines]
    return tuple(found)
