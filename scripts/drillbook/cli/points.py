"""From options to a recovery point."""

from dataclasses import replace
from datetime import datetime

from drillbook.model import PointRequest, parse_instant


def chosen_point(
    declared: PointRequest,
    *,
    point: str | None,
    set_label: str | None,
    timeline: int | None,
    repository_time: str | None,
    accept_hole: str | None = None,
) -> PointRequest:
    """The declared point with what the command line says instead; raises ConfigurationError."""
    base = PointRequest.parse(point) if point else declared
    moment = repository_moment(repository_time)
    return replace(
        base,
        set_label=set_label or base.set_label,
        timeline=timeline or base.timeline,
        repository_time=moment or base.repository_time,
        accept_hole=accept_hole or base.accept_hole,
    )


def repository_moment(text: str | None) -> datetime | None:
    """The moment given with --repository-time; raises ConfigurationError."""
    return parse_instant(text, where="the option --repository-time") if text else None


def disaster(text: str | None) -> datetime | None:
    """The moment given with --disaster-at; raises ConfigurationError."""
    return parse_instant(text, where="the option --disaster-at") if text else None
