"""Writes a run's reports beside its record, when it is closed."""

import json
from dataclasses import dataclass
from pathlib import Path

from drillbook.evidence import canonical_json, render_html, render_junit
from drillbook.journal.journal import EventType, RunEvent
from drillbook.run.evidence_log import RECORD_NAME


@dataclass(frozen=True, slots=True)
class _Entry:
    """The entry that holds the record, as far as a report names it."""

    name: str
    sha256: str


def write_reports(event: RunEvent) -> None:
    """Implements `Reporter`: report.html and junit.xml, from the record as it lies on disk and is in the evidence.

    They are what `drillbook evidence report` draws from the entry: its keys are sorted.
    """
    if event.type is not EventType.CLOSED:
        return
    directory, entry = Path(str(event.data["directory"])), event.data.get("entry")
    record = json.loads(canonical_json(json.loads((directory / RECORD_NAME).read_text(encoding="utf-8"))))
    html = render_html(record, _Entry(**entry) if entry else None)
    (directory / "report.html").write_text(html, encoding="utf-8")
    (directory / "junit.xml").write_text(render_junit(record), encoding="utf-8")
