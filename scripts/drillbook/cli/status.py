"""``drillbook status``: the drills, their last verdicts and how old those are, and what is open."""

from datetime import datetime
from typing import Any

from rich.console import Console

from drillbook.cli.options import AsJson, Inventories, open_app
from drillbook.cli.output import seconds_text, show, table
from drillbook.run.gate import made, running_runs
from drillbook.run.status import DrillStatus, drill_status


def status(inventory: Inventories = None, as_json: AsJson = False) -> None:
    """Show drills, last verdicts with their age, open runs and leftovers."""
    opened = open_app(inventory)
    now = opened.clock.now()
    found = drill_status(opened.configuration.drills, opened.history(), now)
    open_runs = opened.open_runs()
    of_runs = made(opened.runs, None, opened.clock)
    in_use, left = ([str(one) for one in of_runs if one.running is running] for running in (True, False))
    running = running_runs(opened.runs, opened.clock)
    data: dict[str, Any] = {
        "drills": [entry.as_json() for entry in found],
        "open_runs": open_runs,
        "running_runs": running,
        "in_use": in_use,
        "leftovers": left,
    }

    def text(console: Console) -> None:
        console.print(table(("drill", "verdict", "age", "rto", "rpo", "run"), [_row(entry, now) for entry in found]))
        for run_id in open_runs:
            state = "running" if run_id in running else "killed: run `drillbook drill clean`"
            console.print(f"open: {run_id} ({state})", markup=False)
        for entry in in_use:
            console.print(f"in use: {entry}", markup=False)
        for entry in left:
            console.print(f"left behind: {entry}", markup=False)

    show(data, as_json=as_json, text=text)


def _row(entry: DrillStatus, now: datetime) -> tuple[str, ...]:
    age = "never run" if entry.finished_at is None else _age(now, entry.finished_at)
    return (
        entry.name,
        entry.verdict or "-",
        age,
        seconds_text(entry.rto_seconds),
        seconds_text(entry.rpo_seconds),
        entry.run_id or "-",
    )


def _age(now: datetime, then: datetime) -> str:
    minutes = int((now - then).total_seconds() // 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours // 24} d {hours % 24} h" if hours >= 24 else f"{hours} h {rest} min"
