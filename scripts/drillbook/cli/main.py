"""Entry point: the tree of verbs, and errors as one sentence with an exit code."""

import json
import sys
from typing import Annotated

import typer

from drillbook import __version__
from drillbook.cli import backup, drill, escrow, evidence, repository, snapshot
from drillbook.cli.output import console
from drillbook.cli.preflight import preflight
from drillbook.cli.recovery_points import recovery_points
from drillbook.cli.restore import restore
from drillbook.cli.status import status
from drillbook.errors import DrillbookError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
app.add_typer(drill.app, name="drill")
app.command()(restore)
app.command()(recovery_points)
app.command()(preflight)
app.command()(status)
app.add_typer(evidence.app, name="evidence")
app.add_typer(repository.app, name="repository")
app.add_typer(escrow.app, name="escrow")
app.add_typer(snapshot.app, name="snapshot")
app.add_typer(backup.app, name="backup")


@app.callback(invoke_without_command=True)
def drillbook(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Timed restore drills: RTO and RPO measured, proven, signed."""
    if version:
        sys.stdout.write(f"drillbook {__version__}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")
        raise typer.Exit(2)


def main() -> None:
    """Run the command line; what goes wrong is one sentence on standard error, and an exit code."""
    try:
        app()
    except DrillbookError as error:
        if "--json" in sys.argv:
            said = {
                "class": type(error).__name__,
                "message": error.message,
                "where": error.where,
                "remedy": error.remedy,
            }
            sys.stdout.write(json.dumps({"error": said}, indent=2) + "\n")
        console(stderr=True).print(f"drillbook: {error}", markup=False)
        raise SystemExit(error.exit_code) from error
