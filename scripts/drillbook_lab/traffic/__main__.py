"""`python -m drillbook_lab.traffic write|lost|outage`: used by the demo and the tests, see `--help`."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drillbook_lab.traffic import (
    AcknowledgedCommits,
    ConnectionSettings,
    count_lost,
    longest_outage,
    write_until_stopped,
)

if TYPE_CHECKING:
    from types import FrameType

app = typer.Typer(no_args_is_help=True, add_completion=False)
Acknowledged = Annotated[Path, typer.Option(help="File that lists the acknowledged commits.")]


@app.callback()
def settings(
    context: typer.Context,
    ca_file: Annotated[Path, typer.Option(help="CA that signed the service's certificate.")],
    password_file: Annotated[Path, typer.Option(help="File that holds the user's password.")],
    host: Annotated[str, typer.Option(help="The load balancer's address.")],
    port: Annotated[int, typer.Option(help="Its read/write port.")] = 5000,
    database: Annotated[str, typer.Option(help="Database to write to.")] = "app",
    user: Annotated[str, typer.Option(help="Role that owns the table.")] = "app",
) -> None:
    """Write load into a service and count what was acknowledged and lost."""
    context.obj = ConnectionSettings(host, port, database, user, password_file, ca_file)


@app.command()
def write(context: typer.Context, acknowledged: Acknowledged) -> None:
    """Write until SIGTERM or SIGINT."""
    stop = False

    def end(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stop
        stop = True

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    written = write_until_stopped(context.obj, AcknowledgedCommits(acknowledged), lambda: stop)
    typer.echo(json.dumps({"acknowledged": written}))


@app.command()
def lost(context: typer.Context, acknowledged: Acknowledged) -> None:
    """Count the acknowledged commits that the database does not have."""
    told, missing = count_lost(context.obj, AcknowledgedCommits(acknowledged))
    outage = longest_outage(AcknowledgedCommits(acknowledged).read())
    typer.echo(
        json.dumps(
            {
                "acknowledged": told,
                "lost": missing,
                "longest_outage_seconds": round(outage.length.total_seconds(), 3),
                "outage_began_at": outage.began_at.isoformat() if outage.began_at else None,
            }
        )
    )


if __name__ == "__main__":
    app()
