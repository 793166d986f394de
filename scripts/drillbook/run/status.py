"""What is known about each drill: a function of the records."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from drillbook.evidence.records import tracks_of
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
    finished = parse_instant(str(record["finished_at"]), where=f"record of {record['run_id']}")
    return DrillStatus(
        name=drill.name,
        verdict=str(record["verdict"]),
        run_id=str(record["run_id"]),
        finished_at=finished,
        age_seconds=(now - finished).total_seconds(),
        rto_seconds=(track.get("rto") or {}).get("actual_seconds"),
        rpo_seconds=(track.get("rpo") or {}).get("actual_seconds"),
    )
