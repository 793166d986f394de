"""Holds the verdict of a record against the record's own figures: who signs PASS must have something that passed."""

from collections.abc import Iterator, Mapping
from typing import Any

from drillbook.evidence.entries import JSON
from drillbook.evidence.records import tracks_of

JUDGED_SCHEMA = "drillbook.record/2"
_TOLERANCE_SECONDS = 0.001
"""Durations stand in a record with three decimals."""


def contradictions(record: Mapping[str, JSON]) -> tuple[str, ...]:
    """Return what in a record speaks against its verdict; nothing for a schema that is not judged here.

    The verdict follows from error, checks and objectives, in this order: ERROR before FAIL before UNPROVEN before PASS.
    """
    if record.get("schema") != JUDGED_SCHEMA:
        return ()
    found = list(_of_figures(record))
    said, follows = record.get("verdict"), _verdict(record)
    if said != follows and not (said == "BLOCKED" and follows == "ERROR"):
        found.insert(0, f"the verdict is {said}, and from its checks and objectives follows {follows}")
    return tuple(found)


def _verdict(record: Mapping[str, JSON]) -> str:
    if record.get("error"):
        return "ERROR"
    checks = record.get("checks")
    statuses = {_of(check, "status") for check in checks} if isinstance(checks, list) else {None}
    tracks = tracks_of(record)
    missed = any(_of(track.get("rto"), "met") is not True or _of(track.get("rpo"), "met") is False for track in tracks)
    if missed or not tracks or not statuses <= {"passed", "skipped"}:
        return "FAIL"
    return "UNPROVEN" if "skipped" in statuses else "PASS"


def _of_figures(record: Mapping[str, JSON]) -> Iterator[str]:
    """Objectives that are called met, and are not."""
    for track in tracks_of(record):
        for name in ("rto", "rpo"):
            judged = track.get(name)
            if _of(judged, "met") is not True:
                continue
            objective, actual = _of(judged, "objective_seconds"), _of(judged, "actual_seconds")
            if not _is_number(objective) or not _is_number(actual) or actual > objective + _TOLERANCE_SECONDS:
                yield f"{name} of {track.get('service')} is called met, with {actual} s for an objective of {objective} s"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _of(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None
