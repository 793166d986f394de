"""``drillbook drill``: list, plan, run, clean."""

from typing import Annotated

import typer
from rich.console import Console

from drillbook.cli.examples import examples
from drillbook.cli.options import (
    AsJson,
    DisasterAt,
    DryRun,
    Inventories,
    Point,
    Quiet,
    RepositoryTime,
    SetLabel,
    TimelineNumber,
    open_app,
)
from drillbook.cli.outcome import carry_out, show_plan
from drillbook.cli.output import show, table
from drillbook.cli.points import chosen_point, disaster
from drillbook.run.plan import plan_drill

PAGE = "docs/how-to/run-a-drill.md"
app = typer.Typer(
    no_args_is_help=True,
    help="Rehearse a restore in an isolated sandbox.",
    epilog=examples("drillbook drill list", "drillbook drill run postgresql-latest", page=PAGE),
)

DrillName = Annotated[str, typer.Argument(help="The drill, as the inventory calls it.", metavar="NAME")]


@app.command("list", epilog=examples("drillbook drill list", "drillbook drill list --json", page=PAGE))
def list_drills(inventory: Inventories = None, as_json: AsJson = False) -> None:
    """Show the drills that the inventory declares."""
    configuration = open_app(inventory).configuration
    data = [
        {
            "name": drill.name,
            "service": drill.service.name,
            "sandbox": drill.sandbox,
            "point": drill.point.type.value,
            "rto_seconds": drill.objectives.rto.total_seconds(),
            "rpo_seconds": drill.objectives.rpo.total_seconds(),
            "description": drill.description,
        }
        for drill in configuration.drills
    ]
    rows = [[f"{value:g}" if isinstance(value, float) else str(value) for value in entry.values()] for entry in data]
    headings = ("drill", "service", "sandbox", "point", "rto s", "rpo s", "")
    show(data, as_json=as_json, text=lambda console: console.print(table(headings, rows)))


@app.command(
    epilog=examples(
        "drillbook drill plan postgresql-latest",
        "drillbook drill plan postgresql-latest --point time=2026-01-31T12:00:00Z",
        page=PAGE,
    )
)
def plan(
    name: DrillName,
    inventory: Inventories = None,
    disaster_at: DisasterAt = None,
    point: Point = None,
    set_label: SetLabel = None,
    timeline: TimelineNumber = None,
    repository_time: RepositoryTime = None,
    as_json: AsJson = False,
) -> None:
    """Show what a drill would do, and need.

    Nothing is touched.
    """
    opened = open_app(inventory)
    drill = opened.configuration.drill(name)
    wanted = chosen_point(
        drill.point, point=point, set_label=set_label, timeline=timeline, repository_time=repository_time
    )
    made = plan_drill(
        opened.configuration, drill, point=wanted, disaster_at=disaster(disaster_at, opened), history=opened.history()
    )
    show_plan(made, as_json=as_json)


@app.command(
    epilog=examples(
        "drillbook drill run postgresql-latest",
        "drillbook drill run postgresql-latest --point oldest --keep",
        page=PAGE,
    )
)
def run(  # noqa: PLR0913 - one parameter per option is how typer declares them
    name: DrillName,
    inventory: Inventories = None,
    disaster_at: DisasterAt = None,
    point: Point = None,
    set_label: SetLabel = None,
    timeline: TimelineNumber = None,
    repository_time: RepositoryTime = None,
    from_escrow: Annotated[
        bool, typer.Option("--from-escrow", help="Work with the copies in escrow, not with what is in use here.")
    ] = False,
    keep: Annotated[bool, typer.Option(help="Leave the sandbox up; `drill clean` removes it.")] = False,
    check: DryRun = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Run a drill.

    Exit code: 0 met, 1 missed or not proven, 2 refused, 3 could not be carried out, 4 leftovers.
    """
    opened = open_app(inventory)
    if from_escrow:
        escrowed = opened.put_escrow_in_place()
        opened = open_app(inventory)  # read again, out of the copies
        opened.escrowed = escrowed
    drill = opened.configuration.drill(name)
    wanted = chosen_point(
        drill.point, point=point, set_label=set_label, timeline=timeline, repository_time=repository_time
    )
    made = plan_drill(
        opened.configuration,
        drill,
        point=wanted,
        disaster_at=disaster(disaster_at, opened),
        keep=keep,
        history=opened.history(),
    )
    carry_out(opened, made, check=check, quiet=quiet, as_json=as_json)


@app.command(epilog=examples("drillbook drill clean --check", "drillbook drill clean", page=PAGE))
def clean(inventory: Inventories = None, check: DryRun = False, as_json: AsJson = False) -> None:
    """Remove what killed runs and `--keep` left.

    It ends orphans and closes the records of killed runs, too. Exit code 4 if something stays.
    """
    cleaned = open_app(inventory).cleaner().clean(check=check)

    def text(console: Console) -> None:
        for entry in cleaned:
            done = f"removed {', '.join(entry.removed) or 'nothing'}; left {', '.join(entry.left) or 'nothing'}"
            closed = "; record closed" if entry.closed else ""
            console.print(
                f"{entry.run_id}: {done}{closed}{f'; {entry.problem}' if entry.problem else ''}", markup=False
            )
        if not cleaned:
            console.print("nothing to clean")

    show([entry.as_json() for entry in cleaned], as_json=as_json, text=text)
    if any(entry.left for entry in cleaned):
        raise typer.Exit(4)
