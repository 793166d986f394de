"""``drillbook restore``: the bad day, by the very steps that the drills prove."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from drillbook.app import App
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
from drillbook.cli.outcome import carry_out
from drillbook.cli.output import console
from drillbook.cli.points import chosen_point, disaster
from drillbook.errors import DrillbookError, RefusedError
from drillbook.model import PointRequest
from drillbook.run.plan_in_place import plan_in_place


def restore(  # noqa: PLR0913 - one parameter per option is how typer declares them
    service: Annotated[str, typer.Argument(help="The service, as the inventory calls it.", metavar="SERVICE")],
    in_place: Annotated[bool, typer.Option("--in-place", help="Restore the whole group over itself.")] = False,
    confirm: Annotated[
        str, typer.Option(help="The group's exact name, to say that this is meant.", metavar="GROUP")
    ] = "",
    replace: Annotated[
        list[str] | None,
        typer.Option(
            help="A machine that still stands and may be lost for the restore; may be given again. Services of the kind `machines` only.",
            metavar="HOST",
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Give the data on the service's hosts up at once, where there is no room to keep it until every check is green.",
        ),
    ] = False,
    without: Annotated[
        list[str] | None,
        typer.Option(
            help="A host that does not answer, and is joined later; may be given again. It must stay off the network.",
            metavar="HOST",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Restore this machine, and none that is not named so; may be given again. Services of the kind `machines` only.",
            metavar="HOST",
        ),
    ] = None,
    inventory: Inventories = None,
    disaster_at: DisasterAt = None,
    point: Point = None,
    set_label: SetLabel = None,
    timeline: TimelineNumber = None,
    repository_time: RepositoryTime = None,
    accept_hole: Annotated[
        str | None,
        typer.Option(
            help="The first missing WAL segment, to take what lies before it. Services of the kind `postgresql` only.",
            metavar="SEGMENT",
        ),
    ] = None,
    check: DryRun = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Restore a service in place.

    Exit codes as of `drill run`.
    """
    opened = open_app(inventory)
    wanted = opened.configuration.service(service)
    if not in_place:
        raise RefusedError(
            "a restore that is not a drill goes over the service itself",
            where=f"restore of {service}",
            remedy=f"Give --in-place --confirm {wanted.group}, or run a drill.",
        )
    plan = plan_in_place(
        opened.configuration,
        wanted,
        confirm=confirm,
        replace=tuple(replace or ()),
        overwrite=overwrite,
        without=tuple(without or ()),
        only=tuple(only or ()),
        point=chosen_point(
            PointRequest(),
            point=point,
            set_label=set_label,
            timeline=timeline,
            repository_time=repository_time,
            accept_hole=accept_hole,
        ),
        disaster_at=disaster(disaster_at, opened),
        history=_history(opened),
    )
    carry_out(opened, plan, check=check, quiet=quiet, as_json=as_json)


def _history(opened: App) -> tuple[Mapping[str, Any], ...]:
    """Earlier records, from which the plan predicts; a log that can't be read must not stop the rescue."""
    try:
        return opened.history()
    except DrillbookError as error:
        console(stderr=True).print(f"drillbook: nothing is predicted: {error}", markup=False)
        return ()
