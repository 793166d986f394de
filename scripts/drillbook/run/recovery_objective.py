"""How long it took (RTO), how much was lost (RPO), or how far a chosen point was missed: pure arithmetic on what was observed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from drillbook.errors import ClockFaultError
from drillbook.model import Heartbeat, Mode, PointRequest, PointType, Service, format_instant, in_seconds

_FORMULA_LOSS = "disaster_at - newest_heartbeat_at + clock_offset; the larger of it and heartbeats_failing is judged"
_FORMULA_TARGET = "target - newest_heartbeat_at + clock_offset; allowed: heartbeat interval + granularity"
_FORMULA_NONE = "not judged: the recovery point names no moment; the check that the target was reached stands"
_FORMULA_CLOCK = "not judged: a clock is wrong"
_REMEDY_CLOCK = "Correct time synchronisation on that host and the controller; no RPO can be told from wrong clocks."
_RECENT = timedelta(hours=1)
_PUBLICATIONS = 10
"""A host that has not published for an hour, or ten intervals where that is longer, is none whose clock decides."""


@dataclass(frozen=True, slots=True)
class RecoveryTime:
    """How long the recovery took, held against its objective (RTO); ``actual`` is None where it did not end."""

    objective: timedelta
    actual: timedelta | None

    @property
    def met(self) -> bool:
        """Tell whether it ended in time; what is unknown is not met."""
        return self.actual is not None and self.actual <= self.objective

    def as_json(self) -> dict[str, Any]:
        """Return the ``rto`` part of the record, durations in seconds."""
        return {
            "objective_seconds": in_seconds(self.objective),
            "actual_seconds": in_seconds(self.actual),
            "met": self.met,
        }


@dataclass(frozen=True, slots=True)
class Loss:
    """The judgement: ``met`` is None where nothing is to be judged, ``actual`` None where it is unknown."""

    objective: timedelta
    actual: timedelta | None
    met: bool | None
    formula: str
    inputs: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return the ``rpo`` part of the record, durations in seconds."""
        return {
            "objective_seconds": in_seconds(self.objective),
            "actual_seconds": in_seconds(self.actual),
            "met": self.met,
            "formula": self.formula,
            "inputs": dict(self.inputs),
        }


@dataclass(frozen=True, slots=True)
class Observed:
    """What the judgement is made from: ``published`` are the service's hosts', ``offset_limit`` is also the tolerance for a heartbeat after
    the disaster. ``read_at`` is when the published ones were read: of later ones nothing is known.
    """

    disaster_at: datetime
    newest: Heartbeat | None
    published: tuple[Heartbeat, ...]
    offset_limit: timedelta
    read_at: datetime


def judge_loss(
    service: Service, objective: timedelta, point: PointRequest, target_time: datetime | None, observed: Observed
) -> Loss:
    """Judge the RPO of ``latest`` by ``objective``, and the target error of a point in time.

    Raises ClockFaultError for a restored heartbeat that is later than the disaster.
    """
    offset = _clock_offset(observed)
    failing = _failing_for(service, observed)
    inputs: dict[str, Any] = {
        "disaster_at": format_instant(observed.disaster_at),
        "newest_heartbeat_at": format_instant(observed.newest.written_at) if observed.newest else None,
        "counter": observed.newest.counter if observed.newest else None,
        "clock_offset_seconds": in_seconds(offset),
        "heartbeats_failing_seconds": in_seconds(failing),
    }
    if point.type is PointType.LATEST:
        return _lost(service, objective, observed, offset, failing, inputs)
    return _missed(service, target_time, observed, offset, inputs)


def _lost(
    service: Service,
    objective: timedelta,
    observed: Observed,
    offset: timedelta | None,
    failing: timedelta,
    inputs: dict[str, Any],
) -> Loss:
    if observed.newest is None:
        return Loss(objective, None, _unknown(observed), _FORMULA_LOSS, inputs)
    lost = observed.disaster_at - observed.newest.written_at + (offset or timedelta())
    if lost < -observed.offset_limit:
        raise ClockFaultError(
            f"clock fault: the newest restored heartbeat ({format_instant(observed.newest.written_at)}) is "
            f"{-lost.total_seconds():.1f} s later than the disaster ({format_instant(observed.disaster_at)})",
            where=f"heartbeat {observed.newest.counter} of {observed.newest.host or service.name}",
            remedy=f"{_REMEDY_CLOCK}{_went_on(service)}",
        )
    actual = max(lost, failing, timedelta())
    return Loss(objective, actual, actual <= objective, _FORMULA_LOSS, inputs)


def _went_on(service: Service) -> str:
    """What helps a drill whose service lived on; a kind whose repository has no past is not told to look at it."""
    has_past = "repository_time" in service.kind.selectors(Mode.SANDBOX)
    return " If the service went on after --disaster-at, give --repository-time too." if has_past else ""


def _unknown(observed: Observed) -> bool | None:
    """Without a heartbeat in the data nothing is met. Where the store has none either, there never was one: nothing is to be judged."""
    return False if observed.published else None


def _missed(
    service: Service,
    target_time: datetime | None,
    observed: Observed,
    offset: timedelta | None,
    inputs: dict[str, Any],
) -> Loss:
    allowed = service.heartbeat_interval + service.granularity
    if target_time is None:
        return Loss(allowed, None, None, _FORMULA_NONE, inputs)
    inputs = {**inputs, "target_at": format_instant(target_time)}
    if observed.newest is None:
        return Loss(allowed, None, _unknown(observed), _FORMULA_TARGET, inputs)
    error = target_time - observed.newest.written_at + (offset or timedelta())
    return Loss(allowed, error, -observed.offset_limit <= error <= allowed, _FORMULA_TARGET, inputs)


def unjudged(objective: timedelta) -> Loss:
    """What is said of the loss where a wrong clock keeps it from being told."""
    return Loss(objective, None, None, _FORMULA_CLOCK, {})


def recent(published: Iterable[Heartbeat], service: Service, now: datetime) -> tuple[Heartbeat, ...]:
    """Those whose host published not long before ``now``: what a host did that is long gone decides nothing."""
    span = max(_RECENT, _PUBLICATIONS * service.heartbeat_publish_interval)
    return tuple(beat for beat in published if beat.last_modified is None or beat.last_modified >= now - span)


def clock_faults(published: Iterable[Heartbeat], limit: timedelta) -> tuple[ClockFaultError, ...]:
    """One for each host whose clock is off by more than ``limit``: no RPO could be told from it."""
    return tuple(
        ClockFaultError(
            f"clock fault: {beat.host} is {beat.clock_offset.total_seconds():+.1f} s off the store's clock "
            f"(limit {limit.total_seconds():g} s)",
            where=f"host {beat.host}",
            remedy=_REMEDY_CLOCK,
        )
        for beat in published
        if beat.clock_offset is not None and abs(beat.clock_offset) > limit
    )


def _clock_offset(observed: Observed) -> timedelta | None:
    """Offset of the host that wrote the newest restored heartbeat."""
    measured = {beat.host: beat.clock_offset for beat in observed.published if beat.clock_offset is not None}
    return measured.get(observed.newest.host) if observed.newest else None


def _failing_for(service: Service, observed: Observed) -> timedelta:
    """How long before the disaster the last heartbeat was acknowledged, where that is longer than it should be.

    Each is taken by the store's clock: a host whose own clock is ahead must not hide that all others stopped.
    """
    if not observed.published:
        return timedelta()
    last = max(beat.written_at - (beat.clock_offset or timedelta()) for beat in observed.published)
    age = min(observed.disaster_at, observed.read_at) - last
    usual = service.heartbeat_interval + service.heartbeat_publish_interval + observed.offset_limit
    return age if age > usual else timedelta()
