"""What is known about each drill: a function of the records."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from drillbook.errors import ConfigurationError
from drillbook.evidence.records import tracks_of
from drillbook.evidence.reports.view import mapping, number, text
from drillbook.model import Drill, format_instant, parse_instant


@dataclass(frozen=True, slots=True)
class DrillStatus:
    """The last run of a drill; None throughout if it never ran. ``age_seconds`` counts from the run's end.

    RTO and RPO are those of the drill's own service.
    """

    name: str
    verdict: str | None = None
    run_id: str | None = None
    finished_at: datetime | None = None
    age_seconds: float | None = None
    rto_seconds: float | None = None
    rpo_seconds: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the form that ``--json`` prints."""
        return {**asdict(self), "finished_at": format_instant(self.finished_at) if self.finished_at else None}


def drill_status(
    drills: Sequence[Drill], history: Iterable[Mapping[str, Any]], now: datetime
) -> tuple[DrillStatus, ...]:
    """Return the status of each drill from the records, oldest record first."""
    last = {str(record.get("drill")): record for record in history}
    return tuple(_status(drill, last.get(drill.name), now) for drill in drills)


def _status(drill: Drill, record: Mapping[str, Any] | None, now: datetime) -> DrillStatus:
    if record is None:
        return DrillStatus(drill.name)
    track = next((found for found in tracks_of(record) if found.get("service") == drill.service.name), {})
    finished = _finished(record)
    return DrillStatus(
        name=drill.name,
        verdict=text(record.get("verdict")),
        run_id=text(record.get("run_id")),
        finished_at=finished,
        age_seconds=(now - finished).total_seconds() if finished else None,
        rto_seconds=number(mapping(track.get("rto")).get("actual_seconds")),
        rpo_seconds=number(mapping(track.get("rpo")).get("actual_seconds")),
    )


def _finished(record: Mapping[str, Any]) -> datetime | None:
    """When the run ended; None where its record does not say a time, as that of another version or a damaged one may not."""
    try:
        return parse_instant(text(record.get("finished_at")), where="a record")
    except ConfigurationError:
        return None
