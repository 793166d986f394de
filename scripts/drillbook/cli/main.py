"""Entry point: the tree of verbs, and errors as one sentence with an exit code."""

import sys
from typing import Annotated

import typer

from drillbook.cli import backup, config, drill, escrow, evidence, repository, snapshot
from drillbook.cli.endings import ended
from drillbook.cli.examples import examples
from drillbook.cli.init import init
from drillbook.cli.options import Inventories, before_the_verb
from drillbook.cli.preflight import preflight
from drillbook.cli.recovery_points import recovery_points
from drillbook.cli.restore import restore
from drillbook.cli.status import status
from drillbook.tree import platform_root
from drillbook.version import told_version

INIT_PAGE = "docs/how-to/your-own-hosts.md"
RUN_PAGE = "docs/how-to/run-a-drill.md"
RESTORE_PAGE = "docs/runbooks/restore-postgresql-in-place.md"
app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("drillbook status", "drillbook drill run -h", page="docs/reference/cli.md"),
)
app.command(
    epilog=examples(
        "drillbook init ~/.config/drillbook",
        "drillbook init /etc/drillbook --user admin --address db1=192.0.2.11 --address lb1=192.0.2.21",
        page=INIT_PAGE,
    )
)(init)
app.add_typer(drill.app, name="drill")
app.command(
    epilog=examples(
        "drillbook restore main --in-place --confirm postgresql_main --check",
        "drillbook restore main --in-place --confirm postgresql_main --disaster-at 2026-01-31T12:00:00Z",
        page=RESTORE_PAGE,
    )
)(restore)
app.command(
    epilog=examples(
        "drillbook recovery-points main", "drillbook recovery-points main --from controller", page=RESTORE_PAGE
    )
)(recovery_points)
app.command(epilog=examples("drillbook preflight", "drillbook preflight --json", page=RUN_PAGE))(preflight)
app.command(epilog=examples("drillbook status", "drillbook status --json", page=RUN_PAGE))(status)
app.add_typer(config.app, name="config")
app.add_typer(evidence.app, name="evidence")
app.add_typer(repository.app, name="repository")
app.add_typer(escrow.app, name="escrow")
app.add_typer(snapshot.app, name="snapshot")
app.add_typer(backup.app, name="backup")


@app.callback(invoke_without_command=True)
def drillbook(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Print the version, and in a clone the commit.")
    ] = False,
    platform: Annotated[
        bool,
        typer.Option(
            "--platform", help="Print where playbooks, roles and plugins are: `ansible-playbook` is run there."
        ),
    ] = False,
    inventory: Inventories = None,
) -> None:
    """Timed restore drills: RTO and RPO measured, proven, signed."""
    before_the_verb(inventory)
    if version:
        sys.stdout.write(f"drillbook {told_version()}\n")
        raise typer.Exit
    if platform:
        sys.stdout.write(f"{platform_root()}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")
        raise typer.Exit(2)


def main() -> None:
    """Run the command line; what goes wrong is one sentence on standard error, and an exit code."""
    raise SystemExit(ended(lambda: app(prog_name="drillbook", standalone_mode=False)))
