"""``drillbook preflight``: is everything in place for a drill, and are its credentials as weak as they must be?"""

from rich.console import Console

from drillbook.cli.options import AsJson, Inventories, open_app
from drillbook.cli.output import show, table
from drillbook.model import Mode
from drillbook.run.gate import outstanding_of, unwanted


def preflight(inventory: Inventories = None, as_json: AsJson = False) -> None:
    """Prove what the drill's credentials can't do.

    Each forbidden thing is tried, on random absent keys. The first that succeeds is refused.
    """
    opened = open_app(inventory)
    for one in outstanding_of(opened.runs, None, opened.clock):
        if not one.running:  # what a drill is using now is in nobody's way: only its own target is held
            raise unwanted(one)
    checks = opened.preflight().prove(Mode.SANDBOX) + opened.limits_of_drills()
    rows = [(check.status.value, check.name, check.actual) for check in checks]

    def text(console: Console) -> None:
        console.print(table(("", "check", "found"), rows))

    show([check.as_json() for check in checks], as_json=as_json, text=text)
