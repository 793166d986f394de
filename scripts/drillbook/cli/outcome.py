"""Carries a plan out for the command line and prints what came of it."""

import typer
from rich.console import Console

from drillbook.app import App
from drillbook.cli.output import console, seconds_text, show, table
from drillbook.evidence import render_text
from drillbook.reporters.progress import Progress
from drillbook.run.plan import Plan, Track
from drillbook.run.stops import Stops


def carry_out(app: App, plan: Plan, *, check: bool, quiet: bool, as_json: bool) -> None:
    """Run ``plan`` and exit with its code; with ``check`` only pass the gate and show the plan."""
    if check:
        app.gate().pass_through(plan, run_id="")
        for track in plan.tracks:
            work = app.work(plan, track, Stops(app.clock))
            if work is not None:
                work.gate()
        show_plan(plan, as_json=as_json)
        return
    with Progress(console(stderr=True), quiet=quiet) as progress:
        outcome = app.runner((progress,)).run(plan)

    def text(screen: Console) -> None:
        screen.print(render_text(outcome.record), markup=False, end="")
        screen.print(f"report {outcome.directory / 'report.html'}", markup=False)

    show(outcome.record, as_json=as_json, text=text)
    raise typer.Exit(outcome.exit_code)


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
