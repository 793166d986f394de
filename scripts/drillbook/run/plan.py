"""What a run will do, decided from the configuration and the history alone: pure."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Protocol

from drillbook.errors import RefusedError
from drillbook.evidence.records import tracks_of
from drillbook.evidence.reports.view import mapping, number
from drillbook.model import (
    Drill,
    Mode,
    PointRequest,
    PointType,
    Service,
    Step,
    format_instant,
    in_seconds,
)

_LONGEST = 366 * 86400.0
"""A recovery that took longer than a year is a damaged record."""


class Settings(Protocol):
    """What of the configuration a plan depends on."""

    @property
    def digest(self) -> str:
        """SHA-256 of all that the inventory says to drillbook."""
        ...

    @property
    def step_timeout(self) -> timedelta:
        """What a step may take where a drill does not say."""
        ...

    @property
    def run_deadline(self) -> timedelta:
        """What a run may take where a drill does not say."""
        ...


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the run will probably need, from earlier runs and, once it runs, from the chosen backup set."""

    bytes: int | None = None
    disk_bytes: int | None = None
    rto: timedelta | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the ``predicted`` part of the record."""
        return {"bytes": self.bytes, "disk_bytes": self.disk_bytes, "rto_seconds": in_seconds(self.rto)}


@dataclass(frozen=True, slots=True)
class Track:
    """One service's part of a plan: which point of it is restored, to where, by which steps, and what it is judged by.

    ``rto`` is the objective of the plan's mode.
    """

    service: Service
    target: str
    point: PointRequest
    rto: timedelta
    rpo: timedelta
    steps: tuple[Step, ...]
    predicted: Prediction

    def identity(self) -> dict[str, Any]:
        """Return what is known of it before the run begins, and must be so when it ends."""
        return {
            "service": self.service.name,
            "kind": self.service.kind.name,
            "target": self.target,
            "objectives": {"rto_seconds": in_seconds(self.rto), "rpo_seconds": in_seconds(self.rpo)},
        }

    def as_json(self) -> dict[str, Any]:
        """Return its part of the plan as it is shown, digested and put into the evidence."""
        return {
            **self.identity(),
            "recovery_point": self.point.as_variables(),
            "steps": [
                {"name": step.name, "playbook": step.playbook, "timeout_seconds": in_seconds(step.timeout)}
                for step in self.steps
            ],
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """A run, ready to be carried out: its tracks one after the other."""

    name: str
    trigger: str
    mode: Mode
    tracks: tuple[Track, ...]
    disaster_at: datetime | None
    repository_as_of_disaster: bool
    deadline: timedelta
    keep: bool
    confirm: str
    config_digest: str
    replace: tuple[str, ...] = ()
    overwrite: bool = False
    without: tuple[str, ...] = ()
    only: tuple[str, ...] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        """What the run holds, so that no other one goes there."""
        return tuple(track.target for track in self.tracks)

    def point_at(self, track: Track, declared_at: datetime) -> PointRequest:
        """Return a track's recovery point, blind to what came into the repository after a simulated disaster was declared."""
        point = track.point
        simulated = self.disaster_at is None and self.mode is Mode.SANDBOX and point.type is PointType.LATEST
        if simulated and self.repository_as_of_disaster and point.repository_time is None:
            return point.ignoring_later_than(declared_at)
        return point

    def variables(self, track: Track, run_id: str, declared_at: datetime) -> dict[str, Any]:
        """Return the extra variables, the same for every playbook of a track; they hold no secret."""
        return {
            "drillbook_run_id": run_id,
            "restore_kind": track.service.kind.name,
            "restore_service": track.service.name,
            "restore_group": track.service.group,
            "restore_target": track.target,
            "restore_mode": self.mode.value,
            "restore_confirm": self.confirm,
            "restore_overwrite": self.overwrite,
            "restore_without": list(self.without),
            "restore_point": self.point_at(track, declared_at).as_variables(),
            "restore_disaster_at": format_instant(self.disaster_at or declared_at),
        }

    def as_json(self) -> dict[str, Any]:
        """Return the plan as it is shown, digested and put into the evidence."""
        return {
            "drill": self.name,
            "trigger": self.trigger,
            "mode": self.mode.value,
            "disaster_at": format_instant(self.disaster_at) if self.disaster_at else None,
            "tracks": [{**track.as_json(), "predicted": track.predicted.as_json()} for track in self.tracks],
            "deadline_seconds": in_seconds(self.deadline),
            "keep": self.keep,
            **({"only": list(self.only)} if self.only else {}),
            **({"replace": list(self.replace)} if self.replace else {}),
            **({"overwrite": True} if self.overwrite else {}),
            **({"without": list(self.without)} if self.without else {}),
            "config_digest": self.config_digest,
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the plan without its predictions: the same order gives the same digest."""
        body = {**self.as_json(), "tracks": [track.as_json() for track in self.tracks]}
        return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def plan_drill(
    settings: Settings,
    drill: Drill,
    *,
    point: PointRequest | None = None,
    disaster_at: datetime | None = None,
    keep: bool = False,
    history: Iterable[Mapping[str, Any]] = (),
) -> Plan:
    """Plan a drill into its sandbox; ``point`` replaces the declared recovery point.

    Raises RefusedError for a point that the kind of service does not have.
    """
    kind, timeout = drill.service.kind, drill.step_timeout
    refuse_foreign_point(drill.service, Mode.SANDBOX, point or drill.point)
    track = Track(
        service=drill.service,
        target=drill.sandbox,
        point=point or drill.point,
        rto=drill.objectives.rto,
        rpo=drill.objectives.rpo,
        steps=kind.steps(Mode.SANDBOX, timeout, None),
        predicted=predict(history, drill.name, drill.service.name),
    )
    return Plan(
        name=drill.name,
        trigger="drill",
        mode=Mode.SANDBOX,
        tracks=(track,),
        disaster_at=disaster_at,
        repository_as_of_disaster=drill.repository_as_of_disaster,
        deadline=drill.run_deadline,
        keep=keep,
        confirm="",
        config_digest=settings.digest,
    )


def refuse_foreign_point(service: Service, mode: Mode, point: PointRequest) -> None:
    """Raise RefusedError for what a restore would not look at: who asks for it would get something else without a word."""
    kind = service.kind
    foreign = sorted(point.selectors - kind.selectors(mode))
    if point.type not in kind.points:
        foreign.append(point.type.value)
    if foreign:
        place = "in place" if mode is Mode.IN_PLACE else "in a drill"
        beside = ", ".join(sorted(kind.selectors(mode)))
        raise RefusedError(
            f"a recovery point of {service.name} (kind {kind.name}) has no {', '.join(foreign)} {place}",
            where=f"the recovery point for {service.name}",
            remedy=f"Give one of {', '.join(kind.points)}{f'; beside it {beside}' if beside else ''}.",
        )


def predict(history: Iterable[Mapping[str, Any]], name: str, service: str) -> Prediction:
    """Median RTO and newest sizes of a service in the earlier records of the same drill, oldest record first."""
    tracks = [
        track
        for record in history
        if record.get("drill") == name
        for track in tracks_of(record)
        if track.get("service") == service
    ]
    actual = (number(mapping(track.get("rto")).get("actual_seconds")) for track in tracks)
    times: Sequence[float] = [seconds for seconds in actual if seconds is not None and 0 < seconds < _LONGEST]
    told = [mapping(track.get("actual")) or mapping(track.get("predicted")) for track in tracks]
    sizes = [entry for entry in told if _size(entry, "bytes")]
    newest = sizes[-1] if sizes else {}
    return Prediction(
        bytes=_size(newest, "bytes"),
        disk_bytes=_size(newest, "disk_bytes"),
        rto=timedelta(seconds=median(times)) if times else None,
    )


def _size(entry: Mapping[str, Any], name: str) -> int | None:
    """Bytes; None where a record does not say a number."""
    value = entry.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
