"""Records of any schema that this version reads, in one form: a list of tracks, one for each service of the run."""

from collections.abc import Mapping
from typing import Any

_OF_TRACK = (
    "service",
    "kind",
    "objectives",
    "phases",
    "unattributed_seconds",
    "total_seconds",
    "rto",
    "time_to_first_answer_seconds",
    "rpo",
    "predicted",
    "actual",
    "facts",
)
"""What a record of schema 1 said of its only service at the top, and one of schema 2 says in a track."""
_ASKED = ("type", "target", "exclusive", "set", "timeline", "repo_target_time", "until")
"""Of the recovery point of schema 1: what was asked for. All else was found."""


def tracks_of(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the tracks of a record, or of what an `opened` entry announces; a record of schema 1 has one."""
    if "tracks" in record:
        told = record["tracks"]
        return [track for track in told if isinstance(track, Mapping)] if isinstance(told, (list, tuple)) else []
    environment, point = _mapping(record.get("environment")), _mapping(record.get("recovery_point"))
    asked = {key: point[key] for key in _ASKED if key in point}
    return [
        {
            **{key: record[key] for key in _OF_TRACK if key in record},
            "target": environment.get("target_host", record.get("target")),
            "isolated": environment.get("isolated"),
            "recovery_point": {"asked": asked, "chosen": {key: point[key] for key in point if key not in asked}},
        }
    ]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
