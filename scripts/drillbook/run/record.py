"""The record of a run: what the evidence holds and every report is made from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from drillbook.errors import DrillbookError
from drillbook.journal.journal import EventType
from drillbook.journal.ledger import Resource, ResourceKind
from drillbook.model import Mode, Timeline, Verdict, format_instant, in_seconds
from drillbook.run.observation import FACT_POINT, FACT_PREDICTED, Observation
from drillbook.run.plan import Plan
from drillbook.run.recovery_objective import Loss, RecoveryTime

RECORD_SCHEMA = "drillbook.record/1"
_OWN_FIELDS = frozenset({FACT_POINT, FACT_PREDICTED})


@dataclass(frozen=True, slots=True)
class Who:
    """Who carried the run out, with what."""

    operator: str
    tool_version: str


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that goes into the record beside the plan; ``resources`` is the ledger at the end."""

    run_id: str
    declared_at: datetime | None
    finished_at: datetime
    timeline: Timeline | None
    observation: Observation
    recovery: RecoveryTime
    loss: Loss | None
    error: DrillbookError | None
    resources: tuple[Resource, ...]
    leftovers: tuple[Resource, ...]
    verdict: Verdict


def build_record(plan: Plan, who: Who, found: Findings) -> dict[str, Any]:
    """Put it together; durations in seconds, times RFC 3339 in UTC, nothing secret."""
    seen = found.observation
    return {
        "schema": RECORD_SCHEMA,
        "run_id": found.run_id,
        **identity(plan, who),
        "declared_at": _instant(found.declared_at),
        "disaster_at": _instant(plan.disaster_at or found.declared_at),
        "finished_at": format_instant(found.finished_at),
        "recovery_point": _recovery_point(plan, seen),
        "environment": {"target_host": plan.target, "sandbox": plan.mode is Mode.SANDBOX, "isolated": seen.isolated},
        **_times(found.timeline),
        "rto": found.recovery.as_json(),
        "time_to_first_answer_seconds": in_seconds(seen.first_answer),
        "rpo": found.loss.as_json() if found.loss else _unknown_rpo(plan, found.declared_at),
        "predicted": plan.predicted.as_json(),
        "actual": _sizes(seen.facts.get(FACT_PREDICTED)),
        "facts": {name: value for name, value in seen.facts.items() if name not in _OWN_FIELDS},
        "checks": [check.as_json() for check in seen.checks],
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
    """The record that a successor writes for a run that was killed: what it had announced and journalled, and ERROR."""
    entries = list(journal)
    declared = next((entry["at"] for entry in entries if entry.get("event") == EventType.DECLARED), None)
    names = ("name", "stage", "status", "expected", "actual", "message", "remedy")
    kept = (
        "drill",
        "service",
        "kind",
        "trigger",
        "mode",
        "operator",
        "tool_version",
        "plan_digest",
        "config_digest",
        "objectives",
    )
    plan = opened.get("plan") or {}
    objectives = opened.get("objectives") or {}
    return {
        "schema": RECORD_SCHEMA,
        "run_id": run_id,
        **{name: opened.get(name) for name in kept},
        "declared_at": declared,
        "disaster_at": plan.get("disaster_at") or declared,
        "finished_at": format_instant(finished_at),
        "recovery_point": plan.get("recovery_point") or {},
        "environment": {
            "target_host": plan.get("target"),
            "sandbox": opened.get("mode") == Mode.SANDBOX,
            "isolated": None,
        },
        "phases": [],
        "unattributed_seconds": None,
        "total_seconds": None,
        "rto": {"objective_seconds": objectives.get("rto_seconds"), "actual_seconds": None, "met": False},
        "time_to_first_answer_seconds": None,
        "rpo": {
            "objective_seconds": objectives.get("rpo_seconds"),
            "actual_seconds": None,
            "met": False,
            "formula": "not reached",
            "inputs": {},
        },
        "predicted": plan.get("predicted") or {},
        "actual": {},
        "facts": {},
        "checks": [
            {name: entry.get(name, "") for name in names} for entry in entries if entry.get("event") == EventType.CHECK
        ],
        "cleanup": [],
        "leftovers": [],
        "error": error_json(error),
        "verdict": Verdict.ERROR.value,
    }


def identity(plan: Plan, who: Who) -> dict[str, Any]:
    """The fields that are known before a run begins."""
    return {
        "drill": plan.name,
        "service": plan.service.name,
        "kind": plan.service.kind.name,
        "trigger": plan.trigger,
        "mode": plan.mode.value,
        "operator": who.operator,
        "tool_version": who.tool_version,
        "plan_digest": plan.digest,
        "config_digest": plan.config_digest,
        "objectives": {"rto_seconds": in_seconds(plan.rto_objective), "rpo_seconds": in_seconds(plan.objectives.rpo)},
    }


def error_json(error: DrillbookError | None) -> dict[str, str] | None:
    """What could not be carried out, and why."""
    if error is None:
        return None
    return {"class": type(error).__name__, "message": error.message, "where": error.where, "remedy": error.remedy}


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


def _unknown_rpo(plan: Plan, declared_at: datetime | None) -> dict[str, Any]:
    return {
        "objective_seconds": in_seconds(plan.objectives.rpo),
        "actual_seconds": None,
        "met": False,
        "formula": "not reached",
        "inputs": {"disaster_at": _instant(plan.disaster_at or declared_at)},
    }


def _recovery_point(plan: Plan, seen: Observation) -> dict[str, Any]:
    reported = seen.facts.get(FACT_POINT)
    return {
        "kind": plan.service.kind.name,
        **plan.point.as_variables(),
        **(reported if isinstance(reported, Mapping) else {}),
    }


def _sizes(reported: object) -> dict[str, Any]:
    if not isinstance(reported, Mapping):
        return {}
    return {name: reported[name] for name in ("bytes", "disk_bytes") if reported.get(name) is not None}


def _instant(moment: datetime | None) -> str | None:
    return format_instant(moment) if moment else None
