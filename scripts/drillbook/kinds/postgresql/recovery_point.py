"""Chooses the recovery point from what a repository holds: pure, and always with an explicit set and timeline.

pgBackRest takes the newest set for xid and name targets, which can lie behind the target; and a second restore to before
a branch needs the old timeline. So both are always named here.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from drillbook.kinds.postgresql.wal import SEGMENT_BYTES, Archive, Segment, check_continuity, parse_lsn
from drillbook.model import PointType, format_instant, parse_instant

_PGBACKREST_TIME = "%Y-%m-%d %H:%M:%S.%f+00"
DISK_MARGIN = 1.1
WAL_ON_DISK_SEGMENTS = 64
"""Replay recycles segments: with PostgreSQL's default max_wal_size (1 GiB) at most about so many lie on the disk."""


class RecoveryPointError(Exception):
    """No recovery point serves the request; `remedy` says what to do now."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class BackupSet:
    """One set of ``pgbackrest info``; times are aware UTC, sizes in bytes, locations as byte positions."""

    label: str
    type: str
    started_at: datetime
    stopped_at: datetime
    start_lsn: str
    stop_lsn: str
    first_segment: Segment
    size: int
    repository_size: int

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> BackupSet:
        """Read one entry of ``backup``."""
        moments = entry["timestamp"]
        return cls(
            label=entry["label"],
            type=entry["type"],
            started_at=datetime.fromtimestamp(moments["start"], UTC),
            stopped_at=datetime.fromtimestamp(moments["stop"], UTC),
            start_lsn=entry["lsn"]["start"],
            stop_lsn=entry["lsn"]["stop"],
            first_segment=Segment.parse(entry["archive"]["start"]),
            size=int(entry["info"]["size"]),
            repository_size=int(entry["info"]["repository"].get("delta") or 0),
        )


@dataclass(frozen=True, slots=True)
class RecoveryPoint:
    """What will be restored: a set, a timeline and, unless it is the latest state, a target."""

    type: PointType
    set: BackupSet
    timeline: int
    target: str | None
    exclusive: bool
    wal_segments: int
    last_segment: str = ""
    until: str | None = None
    holes: tuple[str, ...] = ()

    @property
    def target_time(self) -> datetime | None:
        """The moment aimed at, where the point is a time."""
        return _moment(self.target) if self.type is PointType.TIME and self.target else None

    def options(self) -> list[str]:
        """pgBackRest's options beside ``--set``.

        With type immediate pgBackRest takes no --target-timeline; PostgreSQL's own default, the latest one, would refuse a set of
        a branch that was given up.
        """
        timeline = f"--target-timeline={self.timeline}"
        if self.type is PointType.LATEST:
            return [timeline]
        if self.type in (PointType.OLDEST, PointType.RANDOM, PointType.IMMEDIATE):
            setting = f"--recovery-option=recovery_target_timeline={self.timeline}"
            return ["--type=immediate", "--target-action=promote", setting]
        moment = self.target_time
        target = moment.strftime(_PGBACKREST_TIME) if moment else self.target
        options = [f"--type={self.type.value}", f"--target={target}", "--target-action=promote", timeline]
        return [*options, "--target-exclusive"] if self.exclusive else options

    def as_json(self) -> dict[str, Any]:
        """Return the ``recovery_point`` part of the record."""
        return {
            "kind": "pgbackrest",
            "label": self.set.label,
            "type": self.type.value,
            "backup_type": self.set.type,
            "timeline": self.timeline,
            "target": self.target,
            "target_time": format_instant(self.target_time) if self.target_time else None,
            "origin_time": format_instant(self.set.stopped_at),
            "start_lsn": self.set.start_lsn,
            "stop_lsn": self.set.stop_lsn,
            "first_segment": self.set.first_segment.name(),
            "last_segment": self.last_segment,
            "until": self.until,
        }

    def predicted(self) -> dict[str, int]:
        """Bytes restored, and free disk needed: the data with a margin and the WAL that lies there at once."""
        wal = min(self.wal_segments, WAL_ON_DISK_SEGMENTS) * SEGMENT_BYTES
        return {"bytes": self.set.size, "disk_bytes": int(self.set.size * DISK_MARGIN) + wal}


def choose(
    info: Sequence[Mapping[str, Any]], archive: Archive, stanza: str, request: Mapping[str, Any], seed: str = ""
) -> RecoveryPoint:
    """Choose set and timeline for ``request`` ({type, target, exclusive, set, timeline, until}, absent ones null).

    ``until`` hides the backup sets that were finished later; the archive is given without later segments (see `archived_until`).
    Raises RecoveryPointError when there is no usable set, the target lies before the first one, or a named set does not
    exist or is not on the named timeline.
    """
    kind = PointType(request.get("type") or "latest")
    sets = _usable(info, stanza, request.get("until"))
    target = request.get("target")
    if request.get("set"):
        sets = [_named(sets, request["set"])]
    if request.get("timeline"):
        timeline = int(request["timeline"])
    elif kind is PointType.RANDOM:
        sets = [random.Random(seed).choice(sets)]  # noqa: S311 -- a sample, not a secret; the seed makes it repeatable
        timeline = _timeline(kind, archive, sets, target)
    else:
        timeline = _timeline(kind, archive, sets, target)
    on_line = [entry for entry in sets if _leads_to(archive, entry, timeline)]
    if not on_line:
        raise RecoveryPointError(
            f"backup set {sets[-1].label} does not lie on the line to timeline {timeline}",
            f"Its own timeline is {sets[-1].first_segment.timeline}; choose another set or timeline.",
        )
    chosen = on_line[0] if request.get("set") else _fitting(kind, on_line, target)
    wal = check_continuity(archive, chosen.first_segment, timeline)
    return RecoveryPoint(
        type=kind,
        set=chosen,
        timeline=timeline,
        target=target,
        exclusive=bool(request.get("exclusive")),
        wal_segments=wal.expected,
        last_segment=wal.last,
        until=request.get("until"),
        holes=_before(kind, chosen, target, wal.missing),
    )


def refuse_holes(point: RecoveryPoint, accepted: str | None) -> None:
    """Raise RecoveryPointError where segments lack before the point, unless ``accepted`` names the first of them.

    The replay would end there, and say so only when the service's own data is given up.
    """
    if not point.holes or point.holes[0] == accepted:
        return
    first = point.holes[0]
    raise RecoveryPointError(
        f"{len(point.holes)} WAL segment(s) lack in the archive between backup set {point.set.label} and the recovery point,"
        f" {first} first: the replay would end before it",
        "Look for it in the bucket's older versions. Or choose another set or an earlier point (drillbook recovery-points shows the"
        f" holes). To take what lies before it: --point latest --accept-hole {first}",
    )


def _before(kind: PointType, chosen: BackupSet, target: str | None, missing: Sequence[str]) -> tuple[str, ...]:
    """The missing segments that a replay to the point needs; for times, transactions and names nothing tells which, so all."""
    if kind in (PointType.OLDEST, PointType.RANDOM, PointType.IMMEDIATE):
        end = parse_lsn(chosen.stop_lsn)
    elif kind is PointType.LSN and target:
        end = parse_lsn(target)
    else:
        return tuple(missing)
    return tuple(name for name in missing if Segment.parse(name).number <= end // SEGMENT_BYTES)


def server_version(info: Sequence[Mapping[str, Any]], stanza: str) -> str:
    """Major version of PostgreSQL that the stanza's usable sets are of; raises StopIteration for a stanza that is not there."""
    found = next(entry for entry in info if entry["name"] == stanza)
    return str(max(found["db"], key=lambda entry: int(entry["id"]))["version"])


def archived_until(listing: Mapping[str, Any], until: str | None) -> Mapping[str, Any]:
    """The entries of ``repo-ls --output=json`` that were there at ``until`` (RFC 3339); all of them without it."""
    if not until:
        return listing
    moment = parse_instant(until, where="the moment of the simulated disaster").timestamp()
    return {path: entry for path, entry in listing.items() if float(entry.get("time") or 0) <= moment}


def _usable(info: Sequence[Mapping[str, Any]], stanza: str, until: str | None) -> list[BackupSet]:
    found = next((entry for entry in info if entry["name"] == stanza), None)
    if found is None or not found.get("backup"):
        status = (found or {}).get("status", {}).get("message", "missing stanza")
        raise RecoveryPointError(
            f"the repository holds no backup of stanza {stanza}: {status}",
            "Look at the repository's path and key; a deleted stanza lives on in the bucket's versions (--repository-time).",
        )
    newest = max(entry["id"] for entry in found["db"])
    sets = [
        BackupSet.parse(entry)
        for entry in found["backup"]
        if not entry.get("error") and entry["database"]["id"] == newest
    ]
    if not sets:
        raise RecoveryPointError(
            f"no backup set of stanza {stanza} is usable: all have page errors or belong to an older system",
            "Name one with --set to restore it nevertheless, and check the primary's disk.",
        )
    if until:
        moment = parse_instant(until, where="the moment of the simulated disaster")
        sets = [entry for entry in sets if entry.stopped_at <= moment]
    if not sets:
        raise RecoveryPointError(
            f"no backup set of stanza {stanza} was finished by {until}",
            "Take a backup first; then simulate the disaster.",
        )
    return sorted(sets, key=lambda entry: entry.stopped_at)


def _named(sets: Sequence[BackupSet], label: str) -> BackupSet:
    for entry in sets:
        if entry.label == label:
            return entry
    raise RecoveryPointError(
        f"there is no usable backup set {label}", f"There are: {', '.join(entry.label for entry in sets)}."
    )


def _leads_to(archive: Archive, entry: BackupSet, timeline: int) -> bool:
    return archive.contains(timeline, entry.first_segment.timeline, parse_lsn(entry.stop_lsn))


def _fitting(kind: PointType, sets: Sequence[BackupSet], target: str | None) -> BackupSet:
    if kind in (PointType.OLDEST, PointType.XID, PointType.NAME):
        return sets[0]  # for xid and name nothing tells which sets lie behind the target; the oldest never does
    if kind is PointType.TIME and target:
        moment = _moment(target)
        before = [entry for entry in sets if entry.stopped_at <= moment]
        return _newest(before, f"target time {format_instant(moment)}", sets)
    if kind is PointType.LSN and target:
        position = parse_lsn(target)
        before = [entry for entry in sets if parse_lsn(entry.stop_lsn) <= position]
        return _newest(before, f"target location {target}", sets)
    return sets[-1]


def _newest(before: Sequence[BackupSet], what: str, sets: Sequence[BackupSet]) -> BackupSet:
    if not before:
        raise RecoveryPointError(
            f"{what} lies before the end of the first backup set ({sets[0].label}, {format_instant(sets[0].stopped_at)},"
            f" {sets[0].stop_lsn})",
            "Nothing earlier is kept; choose a later target.",
        )
    return before[-1]


def _timeline(kind: PointType, archive: Archive, sets: Sequence[BackupSet], target: str | None) -> int:
    """The newest timeline that leads through one of the sets; for a time, the newest that was alive then.

    The timeline comes before the set: after a restore to a target the newest set can lie on the branch that was given up.
    """
    moment = _moment(target) if kind is PointType.TIME and target else None
    usable = [
        timeline
        for timeline in archive.timelines
        if any(_leads_to(archive, entry, timeline) for entry in sets)
        and (moment is None or _alive(archive, timeline, moment))
    ]
    return max(usable, default=sets[-1].first_segment.timeline)


def _alive(archive: Archive, timeline: int, moment: datetime) -> bool:
    """Whether the line to ``timeline`` passes through ``moment``: it had begun, or only goes on where its parent ended.

    The latter matters around a failover: the parent's last, partial segment is only whole in the new timeline's file.
    """
    appeared = archive.appeared.get(timeline)
    if appeared is None or datetime.fromtimestamp(appeared, UTC) <= moment:
        return True
    return archive.continues(timeline) and _alive(archive, archive.histories[timeline][-1][0], moment)


def _moment(target: str) -> datetime:
    return parse_instant(target, where="the recovery point's target")
