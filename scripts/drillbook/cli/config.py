"""``drillbook config check``: everything that is wrong with an inventory, before a drill meets the first of it."""

from typing import Any

import typer
from rich.console import Console

from drillbook.app import inventory_at
from drillbook.cli.examples import examples
from drillbook.cli.options import AsJson, Inventories, named_inventories
from drillbook.cli.output import count_text, show
from drillbook.config import Configuration, Examined, examine
from drillbook.errors import ConfigurationError

PAGE = "docs/reference/configuration.md"
app = typer.Typer(
    no_args_is_help=True,
    help="What the inventory says to drillbook.",
    epilog=examples("drillbook config check -i inventories/yours", page=PAGE),
)


@app.callback()
def config() -> None:
    """What the inventory says to drillbook."""


@app.command(
    epilog=examples(
        "drillbook config check -i inventories/yours", "drillbook config check -i inventories/yours --json", page=PAGE
    )
)
def check(inventory: Inventories = None, as_json: AsJson = False) -> None:
    """Show all that is wrong with the inventory.

    Unknown keys come first. Exit code 2 if anything is wrong. No host and no store is asked. A dynamic inventory asks its provider.
    """
    paths = named_inventories(inventory)
    found = examine(inventory_at(paths))
    where = ", ".join(str(path) for path in paths)
    show(_as_json(found), as_json=as_json, text=lambda screen: _print(screen, found, where))
    if found.faults:
        raise typer.Exit(ConfigurationError.exit_code)


def _print(screen: Console, found: Examined, where: str) -> None:
    for fault in found.faults:
        screen.print(f"{fault.message} (in {fault.where}). {fault.remedy}", markup=False)
    if found.configuration is None:
        screen.print(f"{where}: {count_text(len(found.faults), 'fault')}", markup=False)
        return
    parts = [
        " ".join([count_text(len(names), noun), *([f"({', '.join(names)})"] if names else [])])
        for noun, names in _names(found.configuration).items()
    ]
    screen.print(f"{where}: no fault, {', '.join(parts)}", markup=False)


def _as_json(found: Examined) -> dict[str, Any]:
    names = _names(found.configuration) if found.configuration else {}
    return {
        "faults": [fault.as_json() for fault in found.faults],
        **{f"{noun}s".replace(" ", "_"): listed for noun, listed in names.items()},
    }


def _names(configuration: Configuration) -> dict[str, list[str]]:
    """What was declared, by what it is."""
    return {
        "service": [service.name for service in configuration.services],
        "drill": [drill.name for drill in configuration.drills],
        "machine group": [group.name for group in configuration.machine_groups],
        "provider": [place.name for place in configuration.providers],
        "sandbox host": [sandbox.host for sandbox in configuration.sandboxes],
    }
