"""The HTML report: one file that needs nothing else, for the screen, for paper, and for the archive."""

from collections.abc import Mapping
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from drillbook.evidence.entries import JSON, Entry
from drillbook.evidence.reports import view
from drillbook.evidence.reports.timeline import make_timeline


def render_html(record: Mapping[str, JSON], entry: Entry | None = None) -> str:
    """A self-contained page; ``entry`` is the log entry that holds the record, if it was written already.

    Everything from the record is escaped, and the page's policy forbids scripts and every outside resource.
    """
    environment = view.mapping(record.get("environment"))
    return _template().render(
        record=record,
        entry=entry,
        sentence=view.VERDICT_SENTENCES.get(view.text(record.get("verdict")), ""),
        objectives=view.objectives(record),
        counts=view.check_counts(record),
        checks=view.checks(record),
        stages=view.checks_by_stage(record),
        predictions=view.predictions(record),
        timeline=make_timeline(record),
        digest=view.record_sha256(record),
        error=view.mapping(record.get("error")),
        rpo=view.mapping(record.get("rpo")),
        environment=environment,
        target={key: value for key, value in environment.items() if key != "isolated"},
        cleanup=[view.mapping(item) for item in view.items(record.get("cleanup"))],
        leftovers=[view.text(item) for item in view.items(record.get("leftovers"))],
    )


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
