"""``drillbook recovery-points``: what a service can be restored to, asked of whoever can still answer."""

from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console

from drillbook.cli.options import AsJson, Inventories, RepositoryTime, open_app
from drillbook.cli.output import console, show, table
from drillbook.cli.points import repository_moment
from drillbook.errors import LeftoversError
from drillbook.model import CatalogSet, CatalogTimeline, Hole, RecoveryPoints, format_instant


def recovery_points(
    service: Annotated[str, typer.Argument(help="The service, as the inventory calls it.", metavar="SERVICE")],
    inventory: Inventories = None,
    where: Annotated[
        str,
        typer.Option(
            "--from",
            help="Whom to ask: member, controller, sandbox, or a host's name. Default: the first of these that answers.",
            metavar="WHERE",
        ),
    ] = "",
    repository_time: RepositoryTime = None,
    as_json: AsJson = False,
) -> None:
    """Show what a service can be restored to.

    These are its sets with their sizes, the oldest and the newest moment, timelines and holes. It works with all hosts of the
    service lost. Exit code 1 where nothing can be restored.
    """
    opened = open_app(inventory)
    screen = console(stderr=True)
    found = opened.recovery_points(
        opened.configuration.service(service),
        where=where,
        repository_time=repository_moment(repository_time),
        tell=lambda line: screen.print(line, markup=False),
    )
    show(found.as_json(), as_json=as_json, text=lambda out: _print(out, found))
    if found.left:
        screen.print(f"drillbook: {', '.join(found.left)} was left behind: run `drillbook drill clean`.", markup=False)
        raise typer.Exit(LeftoversError.exit_code)
    if not found.catalog.restorable:
        raise typer.Exit(1)


def _print(screen: Console, found: RecoveryPoints) -> None:
    catalog = found.catalog
    rows = [
        ("service", f"{found.service} ({found.kind})"),
        ("asked", str(found.asked)),
        *[("not answered", reason) for reason in found.asked.instead_of],
        ("read at", format_instant(found.read_at)),
        *([("as it was at", format_instant(found.repository_time))] if found.repository_time else []),
        ("oldest moment", _moment(catalog.oldest, "nothing can be restored")),
        ("newest moment", _moment(catalog.newest, "nothing can be restored")),
        *([("", catalog.note)] if catalog.note else []),
    ]
    screen.print(table(("", ""), rows))
    if catalog.sets:
        of_machines = any(one.host for one in catalog.sets)
        headings = ("set", "machine" if of_machines else "timeline", "type", "from", "data", "stored", "encrypted", "usable")  # fmt: skip
        screen.print(table(headings, [_set_row(one) for one in catalog.sets]))
    if catalog.timelines:
        of_lines = ("timeline", "left", "at", "last segment", "newest moment")
        screen.print(table(of_lines, [_line_row(one) for one in catalog.timelines]))
    if catalog.holes:
        screen.print(table(("missing", "count", "after", "until", ""), [_hole_row(one) for one in catalog.holes]))
    elif catalog.sets:
        screen.print("no holes")


def _set_row(one: CatalogSet) -> tuple[str, ...]:
    return (
        one.label,
        one.host or str(one.timeline or "-"),
        one.type,
        format_instant(one.restorable_at),
        _size(one.original_bytes),
        _size(one.stored_bytes),
        {None: "-", True: "yes", False: "NO"}[one.encrypted],
        "yes" if one.usable else f"NO: {one.fault}",
    )


def _line_row(one: CatalogTimeline) -> tuple[str, ...]:
    return (
        str(one.timeline),
        str(one.parent or "-"),
        one.left_at or "-",
        one.last or "-",
        _moment(one.newest, "no set leads to it"),
    )


def _hole_row(one: Hole) -> tuple[str, ...]:
    first, last = one.missing
    name = first if first == last else f"{first} to {last}"
    return (name, str(one.count), _moment(one.after, "-"), _moment(one.until, "-"), one.meaning)


def _moment(moment: datetime | None, otherwise: str) -> str:
    return otherwise if moment is None else format_instant(moment)


def _size(value: int | None) -> str:
    """In the unit that leaves at most four digits before the point."""
    if value is None:
        return "-"
    size, units = float(value), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{size:.1f} {units[0]}" if units[0] != "B" else f"{value} B"
