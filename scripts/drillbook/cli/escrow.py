"""``drillbook escrow check``: can what burns with the site be had from elsewhere?"""

import typer
from rich.console import Console

from drillbook.cli.examples import examples
from drillbook.cli.options import AsJson, Inventories, open_app
from drillbook.cli.output import show, table
from drillbook.escrow import check_escrow
from drillbook.model import CheckStatus

PAGE = "docs/reference/configuration.md"
app = typer.Typer(
    no_args_is_help=True,
    help="Keys, CA and inventory outside the failure domain.",
    epilog=examples("drillbook escrow check", page=PAGE),
)


@app.callback()
def escrow() -> None:
    """Keys, CA and inventory outside the failure domain."""


@app.command(epilog=examples("drillbook escrow check", "drillbook escrow check --json", page=PAGE))
def check(inventory: Inventories = None, as_json: AsJson = False) -> None:
    """Compare each declared copy with what is in use.

    What the controller uses and no copy holds is named as skipped. Exit code 1 if one fails, if something is in no copy, or if none is declared.
    """
    configuration = open_app(inventory).configuration
    checks = check_escrow(configuration.escrow, configuration.in_use)
    rows = [(entry.status.value, entry.name, entry.message or entry.actual) for entry in checks]

    def text(console: Console) -> None:
        console.print(table(("", "item", "found"), rows))

    show([entry.as_json() for entry in checks], as_json=as_json, text=text)
    if any(entry.status is not CheckStatus.PASSED for entry in checks):
        raise typer.Exit(1)
