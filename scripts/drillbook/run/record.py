"""The record of a run: what the evidence holds and every report is made from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from drillbook.errors import DrillbookError
from drillbook.evidence.records import tracks_of
from drillbook.journal.journal import EventType
from drillbook.journal.ledger import Resource, ResourceKind
from drillbook.model import Check, Timeline, Verdict, format_instant, in_seconds
from drillbook.run.observation import FACT_POINT, FACT_PREDICTED, Observation
from drillbook.run.plan import Plan, Track
from drillbook.run.recovery_objective import Loss, RecoveryTime

RECORD_SCHEMA = "drillbook.record/2"
_OWN_FIELDS = frozenset({FACT_POINT, FACT_PREDICTED})
_NOT_REACHED = "not reached"


@dataclass(frozen=True, slots=True)
class Who:
    """Who carried the run out, with what."""

    operator: str
    tool_version: str


@dataclass(frozen=True, slots=True)
class TrackFindings:
    """What was found of one track; ``timeline`` is None where no disaster was declared, ``loss`` where nothing was judged."""

    track: Track
    timeline: Timeline | None
    observation: Observation
    recovery: RecoveryTime
    loss: Loss | None


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that goes into the record beside the plan; ``checks`` are the run's own, ``resources`` the ledger at the end."""

    run_id: str
    declared_at: datetime | None
    finished_at: datetime
    checks: tuple[Check, ...]
    tracks: tuple[TrackFindings, ...]
    error: DrillbookError | None
    resources: tuple[Resource, ...]
    leftovers: tuple[Resource, ...]
    verdict: Verdict


def build_record(plan: Plan, who: Who, found: Findings) -> dict[str, Any]:
    """Put it together; durations in seconds, times RFC 3339 in UTC, nothing secret."""
    disaster_at = plan.disaster_at or found.declared_at
    return {
        "schema": RECORD_SCHEMA,
        "run_id": found.run_id,
        **identity(plan, who),
        "declared_at": _instant(found.declared_at),
        "disaster_at": _instant(disaster_at),
        "finished_at": format_instant(found.finished_at),
        "total_seconds": max(
            (in_seconds(one.timeline.total) or 0.0 for one in found.tracks if one.timeline), default=0.0
        ),
        "tracks": [_track(one, disaster_at) for one in found.tracks],
        "checks": [
            *({"service": "", **check.as_json()} for check in found.checks),
            *(
                {"service": one.track.service.name, **check.as_json()}
                for one in found.tracks
                for check in one.observation.checks
            ),
        ],
        "cleanup": [entry.as_json() for entry in found.resources if entry.kind is not ResourceKind.OWNER],
        "leftovers": [f"{entry.kind} {entry.name}" for entry in found.leftovers],
        "error": error_json(found.error),
        "verdict": found.verdict.value,
    }


def build_successor_record(
    opened: Mapping[str, Any],
    journal: Iterable[Mapping[str, Any]],
    *,
    run_id: str,
    finished_at: datetime,
    error: DrillbookError,
) -> dict[str, Any]:
    """The record that a successor writes for a run that was killed: what it had announced and journalled, and ERROR.

    It is of the schema of this version, whatever version had opened the run.
    """
    entries = list(journal)
    declared = next((text_of(entry, "at") for entry in entries if entry.get("event") == EventType.DECLARED), "") or None
    names = ("service", "name", "stage", "status", "expected", "actual", "message", "remedy")
    kept = ("drill", "trigger", "mode", "operator", "tool_version", "plan_digest", "config_digest")
    plan = opened.get("plan") or {}
    planned = {str(track.get("service")): track for track in tracks_of(plan)}
    return {
        "schema": RECORD_SCHEMA,
        "run_id": run_id,
        **{name: opened.get(name) for name in kept},
        "declared_at": declared,
        "disaster_at": plan.get("disaster_at") or declared,
        "finished_at": format_instant(finished_at),
        "total_seconds": None,
        "tracks": [_track_not_reached(track, planned) for track in tracks_of(opened)],
        "checks": [
            {name: text_of(entry, name) for name in names} for entry in entries if entry.get("event") == EventType.CHECK
        ],
        "cleanup": [],
        "leftovers": [],
        "error": error_json(error),
        "verdict": Verdict.ERROR.value,
    }


def text_of(entry: Mapping[str, Any], name: str) -> str:
    """A text of a journal that somebody may have damaged; "" where it is none."""
    value = entry.get(name)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def identity(plan: Plan, who: Who) -> dict[str, Any]:
    """The fields that are known before a run begins."""
    return {
        "drill": plan.name,
        "trigger": plan.trigger,
        "mode": plan.mode.value,
        "operator": who.operator,
        "tool_version": who.tool_version,
        "plan_digest": plan.digest,
        "config_digest": plan.config_digest,
        "tracks": [track.identity() for track in plan.tracks],
    }


def error_json(error: DrillbookError | None) -> dict[str, str] | None:
    """What could not be carried out, and why."""
    if error is None:
        return None
    return {"class": type(error).__name__, "message": error.message, "where": error.where, "remedy": error.remedy}


def _track(found: TrackFindings, disaster_at: datetime | None) -> dict[str, Any]:
    track, seen = found.track, found.observation
    return {
        **track.identity(),
        "isolated": seen.isolated,
        "recovery_point": {"asked": track.point.as_variables(), "chosen": _chosen(seen.facts.get(FACT_POINT))},
        **_times(found.timeline),
        "rto": found.recovery.as_json(),
        "time_to_first_answer_seconds": in_seconds(seen.first_answer),
        "rpo": found.loss.as_json()
        if found.loss
        else _unknown_rpo(in_seconds(track.rpo), {"disaster_at": _instant(disaster_at)}),
        "predicted": track.predicted.as_json(),
        "actual": _sizes(seen.facts.get(FACT_PREDICTED)),
        "facts": {name: value for name, value in seen.facts.items() if name not in _OWN_FIELDS},
    }


def _track_not_reached(announced: Mapping[str, Any], planned: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A track of which only the announcement is left."""
    objectives = announced.get("objectives") or {}
    plan = planned.get(str(announced.get("service"))) or {}
    asked = plan.get("recovery_point") or {}
    return {
        **{name: announced.get(name) for name in ("service", "kind", "target", "objectives")},
        "isolated": None,
        "recovery_point": {"asked": asked.get("asked", asked), "chosen": None},
        "phases": [],
        "unattributed_seconds": None,
        "total_seconds": None,
        "rto": {"objective_seconds": objectives.get("rto_seconds"), "actual_seconds": None, "met": False},
        "time_to_first_answer_seconds": None,
        "rpo": _unknown_rpo(objectives.get("rpo_seconds"), {}),
        "predicted": plan.get("predicted") or {},
        "actual": {},
        "facts": {},
    }


def _times(timeline: Timeline | None) -> dict[str, Any]:
    if timeline is None:
        return {"phases": [], "unattributed_seconds": 0.0, "total_seconds": 0.0}
    return {
        "phases": [
            {
                "name": entry.phase.value,
                "seconds": in_seconds(entry.duration),
                "intervals": [[in_seconds(interval.start), in_seconds(interval.end)] for interval in entry.intervals],
            }
            for entry in timeline.phases
        ],
        "unattributed_seconds": in_seconds(timeline.unattributed),
        "total_seconds": in_seconds(timeline.total),
    }


def _unknown_rpo(objective_seconds: float | None, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "objective_seconds": objective_seconds,
        "actual_seconds": None,
        "met": False,
        "formula": _NOT_REACHED,
        "inputs": dict(inputs),
    }


def _chosen(reported: object) -> dict[str, Any] | None:
    return dict(reported) if isinstance(reported, Mapping) else None


def _sizes(reported: object) -> dict[str, Any]:
    if not isinstance(reported, Mapping):
        return {}
    return {name: reported[name] for name in ("bytes", "disk_bytes") if reported.get(name) is not None}


def _instant(moment: datetime | None) -> str | None:
    return format_instant(moment) if moment else None
