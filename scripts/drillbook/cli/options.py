"""Options that several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

from drillbook.app import App
from drillbook.cli.inventories import chosen_inventories
from drillbook.cli.output import console
from drillbook.tree import platform_root

Inventories = Annotated[
    list[Path] | None,
    typer.Option(
        "--inventory",
        "-i",
        help="Inventory; may be given several times. Default: $DRILLBOOK_INVENTORY, else that of this clone's lab.",
        metavar="PATH",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
DryRun = Annotated[bool, typer.Option("--check", "-n", help="Say what would be done, and do nothing.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
DisasterAt = Annotated[
    str | None, typer.Option(help="When the disaster happened (RFC 3339). Default: simulated, now.", metavar="TIME")
]
Point = Annotated[
    str | None,
    typer.Option(help="latest, oldest, random, immediate, time=..., lsn=..., xid=... or name=...", metavar="POINT"),
]
SetLabel = Annotated[str | None, typer.Option("--set", help="Take this backup set.", metavar="LABEL")]
TimelineNumber = Annotated[int | None, typer.Option(help="Follow this timeline.", metavar="N", min=1)]
PublicKey = Annotated[
    Path | None, typer.Option(help="Public key kept outside the log. Default: the one of the signing key.")
]
RepositoryTime = Annotated[
    str | None, typer.Option(help="Read the versioned repository as it was then (RFC 3339).", metavar="TIME")
]


_before_the_verb: list[Path] = []


def before_the_verb(inventories: list[Path] | None) -> None:
    """Remember the inventories that were given before the verb, for a verb that is given none."""
    _before_the_verb[:] = inventories or []


def open_app(inventories: list[Path] | None) -> App:
    """Read the inventory that was asked for; raises ConfigurationError where none was, and there is no lab."""
    return App(named_inventories(inventories))


def open_declared(inventories: list[Path] | None) -> App:
    """As `open_app`, for what asks nothing of a provider: one that is away leaves it with what is declared, and a warning."""
    return App(named_inventories(inventories), declared_is_enough=_warn)


def named_inventories(given: list[Path] | None) -> list[Path]:
    """The inventories that were asked for, else the lab's; raises ConfigurationError where there is none."""
    return chosen_inventories(given or _before_the_verb, platform_root, _warn)


def _warn(line: str) -> None:
    console(stderr=True).print(line, markup=False)
