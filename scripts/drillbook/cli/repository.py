"""``drillbook repository recover``: a repository that was deleted or overwritten, back from its locked versions."""

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from drillbook.cli.examples import examples
from drillbook.cli.options import AsJson, DryRun, Inventories, open_app
from drillbook.cli.output import console, show
from drillbook.errors import ConfigurationError
from drillbook.model import format_instant, parse_instant

PAGE = "docs/runbooks/restore-postgresql-in-place.md"
app = typer.Typer(
    no_args_is_help=True,
    help="The backup repository itself.",
    epilog=examples("drillbook repository recover --as-of 2026-01-31T12:00:00Z --check", page=PAGE),
)


@app.callback()
def repositories() -> None:
    """The backup repository itself."""


@app.command(
    epilog=examples(
        "drillbook repository recover --as-of 2026-01-31T12:00:00Z --check",
        "drillbook repository recover --as-of 2026-01-31T12:00:00Z",
        page=PAGE,
    )
)
def recover(
    as_of: Annotated[
        str, typer.Option(help="The moment to go back to: just before the deletion (RFC 3339).", metavar="TIME")
    ],
    repository: Annotated[
        str | None,
        typer.Option(help="Which repository. Default: the only one that the inventory declares.", metavar="NAME"),
    ] = None,
    inventory: Inventories = None,
    check: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Bring back the objects of an earlier moment.

    They are made current again; nothing is removed, and it can be repeated. Replace the stolen key first. The user
    `restore_operator` does it, inside the store.
    """
    opened = open_app(inventory)
    moment = parse_instant(as_of, where="the option --as-of")
    if moment > opened.clock.now():
        raise ConfigurationError(
            f"{format_instant(moment)} is not over", where="the option --as-of", remedy="Give a moment in the past."
        )
    from drillbook.stores.client import client_of  # noqa: PLC0415 - boto3 takes a while; most verbs don't need it
    from drillbook.stores.versions import OPERATOR, VersionedPath, describe, plan_recovery  # noqa: PLC0415 - likewise

    store = opened.configuration.store
    path = VersionedPath(store, opened.configuration.repository(repository), client_of(store, OPERATOR))
    plan = plan_recovery(path.states(), moment)
    if not check:
        terminal = console(stderr=True)
        with Progress(console=terminal, disable=not terminal.is_terminal) as progress:
            task = progress.add_task("bringing back", total=len(plan.bring_back))
            path.bring_back(plan.bring_back, lambda _version: progress.advance(task))

    def text(screen: Console) -> None:
        verb = "would be brought back" if check else "brought back"
        screen.print(
            f"{len(plan.bring_back)} objects ({plan.size} bytes) {verb}; {plan.unchanged} are as they were at "
            f"{format_instant(moment)}; {plan.newer} are newer and stay"
        )

    show(describe(plan, moment), as_json=as_json, text=text)
