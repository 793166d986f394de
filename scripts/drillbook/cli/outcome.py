"""Carries a plan out for the command line and prints what came of it."""

from collections.abc import Iterator

import typer
from rich.console import Console

from drillbook.app import App
from drillbook.cli.output import console, seconds_text, show, table
from drillbook.errors import DrillbookError
from drillbook.evidence import render_text
from drillbook.model import CheckStatus, Mode
from drillbook.reporters.progress import Progress
from drillbook.run.plan import Plan, Track
from drillbook.run.runner import Outcome
from drillbook.run.stops import Stops


def carry_out(app: App, plan: Plan, *, check: bool, quiet: bool, as_json: bool) -> None:
    """Run ``plan`` and exit with its code; with ``check`` only pass the gate and show the plan."""
    if check:
        rehearse(app, plan)
        show_plan(plan, as_json=as_json)
        return
    with Progress(console(stderr=True), quiet=quiet) as progress:
        outcome = app.runner((progress,)).run(plan)

    def text(screen: Console) -> None:
        screen.print(render_text(outcome.record), markup=False, end="")
        for line in _of_evidence(outcome):
            screen.print(line, markup=False)
        screen.print(f"report {outcome.directory / 'report.html'}", markup=False)

    entry = outcome.entry
    evidence = {
        "entry": entry and entry.name,
        "head": entry and entry.sha256,
        "anchored": entry and entry.anchored,
        "trouble": outcome.trouble,
    }
    show({**outcome.record, "evidence": evidence}, as_json=as_json, text=text)
    raise typer.Exit(outcome.exit_code)


def rehearse(app: App, plan: Plan) -> None:
    """Pass the gate, and see whether the log would take the run. Raises DrillbookError; what would only be skipped is told."""
    told = console(stderr=True)
    for found in app.gate().pass_through(plan, run_id=""):
        if found.status is CheckStatus.SKIPPED:
            told.print(f"skipped: {found.name}: {found.message} {found.remedy}", markup=False)
    try:
        app.evidence().prove_sound()
    except DrillbookError as error:
        if plan.mode is Mode.SANDBOX:
            raise
        told.print(f"skipped: the run would not be in the evidence log: {error}", markup=False)
    for track in plan.tracks:
        work = app.work(plan, track, Stops(app.clock))
        if work is not None:
            work.gate()


def _of_evidence(outcome: Outcome) -> Iterator[str]:
    """The head of the log after the run, to be noted elsewhere; and what keeps it from being evidence."""
    if outcome.entry is not None:
        anchored = {True: ", anchored", False: ", NOT ANCHORED", None: ""}[outcome.entry.anchored]
        yield f"head {outcome.entry.sha256} ({outcome.entry.name}{anchored})"
    if outcome.trouble:
        yield f"NO EVIDENCE YET: {outcome.trouble}"


def show_plan(plan: Plan, *, as_json: bool) -> None:
    """Print a plan."""

    def text(screen: Console) -> None:
        rows = [("plan", f"{plan.name} ({plan.mode.value} on {', '.join(plan.targets)})")]
        for track in plan.tracks:
            rows += _track_rows(track)
        screen.print(table(("", ""), [*rows, ("digest", plan.digest)]))

    show({**plan.as_json(), "plan_digest": plan.digest}, as_json=as_json, text=text)


def _track_rows(track: Track) -> list[tuple[str, str]]:
    predicted = track.predicted
    rto = predicted.rto.total_seconds() if predicted.rto else None
    return [
        ("service", track.service.name),
        ("recovery point", f"{track.point.type.value} {track.point.target or ''}".strip()),
        ("rto", f"{seconds_text(track.rto.total_seconds())}, predicted {seconds_text(rto)}"),
        ("rpo", seconds_text(track.rpo.total_seconds())),
        ("restored bytes", str(predicted.bytes or "not known before the first run")),
        ("free disk needed", str(predicted.disk_bytes or "not known before the first run")),
        *[("step", f"{step.name}: {step.playbook or 'by the provider'}") for step in track.steps],
    ]
