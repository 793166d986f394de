"""Options that several verbs share."""

import os
from pathlib import Path
from typing import Annotated

import typer

from drillbook.app import App

Inventories = Annotated[
    list[Path] | None,
    typer.Option(
        "--inventory",
        "-i",
        help="Inventory; may be given several times. Default: $DRILLBOOK_INVENTORY or inventories/lab.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
DryRun = Annotated[bool, typer.Option("--check", help="Say what would be done, and do nothing.")]
DisasterAt = Annotated[
    str | None, typer.Option(help="When the disaster happened (RFC 3339). Default: simulated, now.", metavar="TIME")
]
Point = Annotated[
    str | None,
    typer.Option(help="latest, oldest, random, immediate, time=..., lsn=..., xid=... or name=...", metavar="POINT"),
]
SetLabel = Annotated[str | None, typer.Option("--set", help="Take this backup set.", metavar="LABEL")]
TimelineNumber = Annotated[int | None, typer.Option(help="Follow this timeline.", metavar="N", min=1)]
RepositoryTime = Annotated[
    str | None, typer.Option(help="Read the versioned repository as it was then (RFC 3339).", metavar="TIME")
]


def open_app(inventories: list[Path] | None) -> App:
    """Read the inventory that was asked for."""
    if not inventories:
        named = os.environ.get("DRILLBOOK_INVENTORY", "inventories/lab")
        inventories = [Path(part) for part in named.split(os.pathsep) if part]
    return App(inventories)
