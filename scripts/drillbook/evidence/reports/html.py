"""The HTML report: one file that needs nothing else, for the screen, for paper, and for the archive."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from drillbook.evidence.entries import JSON
from drillbook.evidence.records import tracks_of
from drillbook.evidence.reports import view
from drillbook.evidence.reports.timeline import make_timeline


class Named(Protocol):
    """An entry of the log, as far as a report names it."""

    @property
    def name(self) -> str:
        """File name without its ending."""
        ...

    @property
    def sha256(self) -> str:
        """Hex digest of its exact bytes."""
        ...


def render_html(record: Mapping[str, JSON], entry: Named | None = None, *, doubt: str = "") -> str:
    """A self-contained page; ``entry`` is the log entry that holds the record, if one does. ``doubt`` says why nothing vouches for it.

    Everything from the record is escaped, and the page's policy forbids scripts and every outside resource.
    """
    return _template().render(
        record=record,
        entry=entry,
        doubt=doubt,
        sentence=view.VERDICT_SENTENCES.get(view.text(record.get("verdict")), ""),
        services=view.services(record),
        objectives=view.objectives(record),
        counts=view.check_counts(record),
        checks=view.checks(record),
        stages=view.checks_by_stage(record),
        tracks=[_track(track, record) for track in tracks_of(record)],
        digest=view.record_sha256(record),
        error=view.mapping(record.get("error")),
        cleanup=[view.mapping(item) for item in view.items(record.get("cleanup"))],
        leftovers=[view.text(item) for item in view.items(record.get("leftovers"))],
    )


def _track(track: Mapping[str, JSON], record: Mapping[str, JSON]) -> dict[str, Any]:
    """What the page shows of one service."""
    point, rpo = view.mapping(track.get("recovery_point")), view.mapping(track.get("rpo"))
    return {
        "service": view.text(track.get("service")),
        "kind": view.text(track.get("kind")),
        "timeline": make_timeline(track, record.get("declared_at")),
        "total_seconds": track.get("total_seconds"),
        "unattributed_seconds": track.get("unattributed_seconds"),
        "asked": view.mapping(point.get("asked")),
        "chosen": view.mapping(point.get("chosen")),
        "formula": rpo.get("formula"),
        "inputs": view.mapping(rpo.get("inputs")),
        "isolated": track.get("isolated"),
        "target": track.get("target"),
        "predictions": view.predictions(track),
        "first_answer": track.get("time_to_first_answer_seconds"),
    }


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("drillbook.evidence"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(duration=view.duration, facts=view.facts, moment=view.shown_instant, words=view.text)
    return environment.get_template("report.html.j2")
