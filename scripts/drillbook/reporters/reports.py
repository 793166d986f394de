"""Writes a run's reports beside its record, when it is closed."""

import json
from pathlib import Path

from drillbook.evidence import render_html, render_junit
from drillbook.journal.journal import EventType, RunEvent
from drillbook.run.evidence_log import RECORD_NAME


def write_reports(event: RunEvent) -> None:
    """Implements `Reporter`: report.html and junit.xml, from the record as it lies on disk."""
    if event.type is not EventType.CLOSED:
        return
    directory = Path(str(event.data["directory"]))
    record = json.loads((directory / RECORD_NAME).read_text(encoding="utf-8"))
    (directory / "report.html").write_text(render_html(record), encoding="utf-8")
    (directory / "junit.xml").write_text(render_junit(record), encoding="utf-8")
