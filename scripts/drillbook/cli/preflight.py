"""``drillbook preflight``: is everything in place for a drill, and are its credentials as weak as they must be?"""

from rich.console import Console

from drillbook.cli.options import AsJson, Inventories, open_app
from drillbook.cli.output import show, table
from drillbook.errors import LeftoversError
from drillbook.model import Mode
from drillbook.run.gate import leftovers


def preflight(inventory: Inventories = None, as_json: AsJson = False) -> None:
    """Prove what the drill's credentials can't do.

    Each forbidden thing is tried, on random absent keys. The first that succeeds is refused.
    """
    opened = open_app(inventory)
    for run_id, resource in leftovers(opened.runs, None, opened.clock):
        raise LeftoversError(
            f"run {run_id} left the {resource.kind} {resource.name} behind",
            where=f"ledger of {run_id}",
            remedy="Run `drillbook drill clean`.",
        )
    checks = opened.preflight().prove(Mode.SANDBOX) + opened.limits_of_drills()
    rows = [(check.status.value, check.name, check.actual) for check in checks]

    def text(console: Console) -> None:
        console.print(table(("", "check", "found"), rows))

    show([check.as_json() for check in checks], as_json=as_json, text=text)
