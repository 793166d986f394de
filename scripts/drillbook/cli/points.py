"""From options to a recovery point."""

from dataclasses import replace
from datetime import datetime

from drillbook.app import App
from drillbook.errors import ConfigurationError
from drillbook.model import PointRequest, format_instant, parse_instant


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


def disaster(text: str | None, opened: App) -> datetime | None:
    """The moment given with --disaster-at; raises ConfigurationError, also for one that is still to come."""
    moment = parse_instant(text, where="the option --disaster-at") if text else None
    if moment is not None and moment > opened.clock.now() + opened.configuration.clock_offset_limit:
        raise ConfigurationError(
            f"{format_instant(moment)} is still to come, and no disaster happened then",
            where="the option --disaster-at",
            remedy="Give the moment at which the service was lost; leave it out for one that is simulated now.",
        )
    return moment
