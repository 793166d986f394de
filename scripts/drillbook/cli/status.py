"""``drillbook status``: the drills, their last verdicts and how old those are, and what is open."""

from datetime import datetime
from typing import Any

from rich.console import Console

from drillbook.cli.options import AsJson, Inventories, open_declared
from drillbook.cli.output import seconds_text, show, table
from drillbook.run.gate import leftovers
from drillbook.run.status import DrillStatus, drill_status


def status(inventory: Inventories = None, as_json: AsJson = False) -> None:
    """Show last verdicts, open runs and leftovers.

    Each verdict has its age.
    """
    opened = open_declared(inventory)
    now = opened.clock.now()
    found = drill_status(opened.configuration.drills, opened.history(), now)
    open_runs = opened.open_runs()
    left = [
        f"{run_id}: {resource.kind} {resource.name}" for run_id, resource in leftovers(opened.runs, None, opened.clock)
    ]
    data: dict[str, Any] = {
        "drills": [entry.as_json() for entry in found],
        "open_runs": open_runs,
        "leftovers": left,
    }

    def text(console: Console) -> None:
        console.print(table(("drill", "verdict", "age", "rto", "rpo", "run"), [_row(entry, now) for entry in found]))
        for run_id in open_runs:
            console.print(f"open: {run_id} (running, or killed: then `drillbook drill clean`)", markup=False)
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
