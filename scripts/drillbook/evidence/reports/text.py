"""The text report: plain lines for a pipe or a mail; no colour, no cursor movement."""

import re
from collections.abc import Mapping, Sequence

from drillbook.evidence.entries import JSON
from drillbook.evidence.records import tracks_of
from drillbook.evidence.reports import view

# A hostile name must not move the reader's cursor or clear the screen.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_ERROR = {"error": "message", "where": "where", "remedy": "remedy"}


def render_text(record: Mapping[str, JSON], *, doubt: str = "") -> str:
    """Verdict, objectives, phases, checks that did not pass, error and leftovers; first ``doubt``, why nothing vouches for it."""
    drill, run = (view.text(record.get(key)) for key in ("drill", "run_id"))
    lines = [f"NOT VERIFIED: {doubt}", ""] if doubt else []
    lines += [f"{view.text(record.get('verdict'))}  {drill}: {view.services(record)}, run {run}", ""]
    tracks = tracks_of(record)
    for track in tracks:
        lines += [f"{view.text(track.get('service'))}:", ""] if len(tracks) > 1 else []
        lines += [*_track(track), ""]
    lines += _checks(record)
    error = view.mapping(record.get("error"))
    if error:
        lines += ["", *(f"{label}: {view.text(error.get(key))}" for label, key in _ERROR.items() if error.get(key))]
    lines += [f"left behind: {view.text(item)}" for item in view.items(record.get("leftovers"))]
    lines += ["", f"record sha256 {view.record_sha256(record)}"]
    return "\n".join(_CONTROL.sub("\ufffd", line) for line in lines) + "\n"


def _track(track: Mapping[str, JSON]) -> list[str]:
    """Objectives and phases of one service."""
    phases = [view.mapping(phase) for phase in view.items(track.get("phases"))]
    rows = [(view.text(phase.get("name")), view.duration(phase.get("seconds"))) for phase in phases]
    rows.append(("unattributed", view.duration(track.get("unattributed_seconds"))))
    rows.append(("total", view.duration(track.get("total_seconds"))))
    objectives = [(item.name, item.objective, item.actual, item.outcome) for item in view.objectives_of(track)]
    return [*_table(("objective", "wanted", "actual", "outcome"), objectives), "", *_table(("phase", "time"), rows)]


def _checks(record: Mapping[str, JSON]) -> list[str]:
    counts, several = view.check_counts(record), len(tracks_of(record)) > 1
    lines = ["checks: " + ", ".join(f"{count} {status}" for status, count in counts.items())]
    for check in view.checks(record):
        if check.status != "passed":
            of = f"{check.service}/" if several and check.service else ""
            lines.append(f"  {check.status}  {of}{check.stage}/{check.name}: {check.message}")
            lines.append(f"    expected {check.expected or '-'}, actual {check.actual or '-'}")
            if check.remedy:
                lines.append(f"    {check.remedy}")
    return lines


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (header, *rows)
    ]
