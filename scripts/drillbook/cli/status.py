"""``drillbook status``: the drills, their last verdicts and how old those are, and what is open."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from drillbook.app import App
from drillbook.cli.options import AsJson, Inventories, PublicKey, open_declared
from drillbook.cli.output import seconds_text, show, table
from drillbook.errors import EvidenceError
from drillbook.evidence import Reading, closed_records
from drillbook.run.gate import outstanding_of, running_runs
from drillbook.run.run_evidence import BESIDE_NAME
from drillbook.run.status import DrillStatus, drill_status


def status(inventory: Inventories = None, public_key: PublicKey = None, as_json: AsJson = False) -> None:
    """Show last verdicts, open runs and leftovers.

    Each verdict has its age.
    """
    opened = open_declared(inventory)
    now = opened.clock.now()
    reading = _reading(opened, public_key)
    found = drill_status(opened.configuration.drills, closed_records(reading), now)
    of_runs = outstanding_of(opened.runs, None, opened.clock)
    in_use, left = ([str(one) for one in of_runs if one.running is running] for running in (True, False))
    going_on = running_runs(opened.runs, opened.clock)
    evidence = _evidence(opened, reading)
    data: dict[str, Any] = {
        "drills": [entry.as_json() for entry in found],
        "open_runs": reading.open_runs,
        "running_runs": going_on,
        "in_use": in_use,
        "leftovers": left,
        "evidence": evidence,
    }

    def text(console: Console) -> None:
        console.print(table(("drill", "verdict", "age", "rto", "rpo", "run"), [_row(entry, now) for entry in found]))
        for run_id in reading.open_runs:
            state = "running" if run_id in going_on else "killed: run `drillbook drill clean`"
            console.print(f"open: {run_id} ({state})", markup=False)
        for entry in in_use:
            console.print(f"in use: {entry}", markup=False)
        for entry in left:
            console.print(f"left behind: {entry}", markup=False)
        for line in _lines(evidence):
            console.print(line, markup=False)

    show(data, as_json=as_json, text=text)
    if reading.refuted:
        raise typer.Exit(EvidenceError.exit_code)


def _reading(opened: App, public_key: Path | None) -> Reading:
    """What is in the log; of a broken one nothing is shown but that."""
    try:
        return opened.reading(public_key)
    except EvidenceError as error:
        return Reading((), str(error), refuted=True)


def _evidence(opened: App, reading: Reading) -> dict[str, Any]:
    return {
        "verified": reading.verified,
        "doubt": reading.doubt,
        "not_anchored": opened.waiting_for_anchor(reading),
        "beside": [str(path) for path in sorted(opened.runs.glob(f"*/{BESIDE_NAME}"))],
    }


def _lines(evidence: Mapping[str, Any]) -> Iterator[str]:
    yield f"evidence: NOT VERIFIED: {evidence['doubt']}" if evidence["doubt"] else "evidence: verified"
    if evidence["not_anchored"]:
        yield f"evidence: {evidence['not_anchored']} entries are not in the anchor: run `drillbook evidence anchor`"
    for path in evidence["beside"]:
        yield f"evidence: not in the log, but in one of its own: {path}"


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
