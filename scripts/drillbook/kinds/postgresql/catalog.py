"""What a pgBackRest repository holds, read from its own answers: pure.

A set's moments are its own. When a segment was archived only the store says, so the newest moment is no later than that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from drillbook.errors import ConfigurationError, InfrastructureError
from drillbook.kinds.postgresql.recovery_point import BackupSet
from drillbook.kinds.postgresql.wal import SEGMENT_BYTES, Archive, Segment, check_continuity, parse_lsn, segment_at
from drillbook.model import Catalog, CatalogSet, CatalogTimeline, Hole

_NOTE = "when its last segment was archived, as the store says: the last change in it is not later"
_UNENCRYPTED = "none"


def read_catalog(answer: Mapping[str, Any]) -> Catalog:
    """Read what the playbook hands over: ``stanza``, ``info``, ``archive`` and ``history``, or ``wrong_key`` with what was said.

    Raises ConfigurationError where the passphrase is not that of the repository, InfrastructureError where the answer can't be read.
    """
    if answer.get("wrong_key"):
        raise ConfigurationError(
            str(answer["wrong_key"]).strip(),
            where=f"the repository of stanza {answer['stanza']}",
            remedy="Put the passphrase from escrow into the inventory: pgbackrest_cipher_pass.",
        )
    try:
        return _catalog(answer)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InfrastructureError(
            f"pgBackRest's answer can't be read: {type(error).__name__} {error}",
            where=f"the repository of stanza {answer.get('stanza')}",
            remedy="See what `pgbackrest info --output=json` prints there.",
        ) from error


def _catalog(answer: Mapping[str, Any]) -> Catalog:
    found = next((entry for entry in answer["info"] if entry["name"] == answer["stanza"]), None)
    if found is None or not found.get("backup"):
        return Catalog()
    newest_system = max(entry["id"] for entry in found["db"])
    listing, dated = _of_system(answer["archive"], found, newest_system)
    archive = Archive.parse(listing, {path: text for path, text in answer["history"].items() if path in listing})
    encrypted = found.get("cipher", _UNENCRYPTED) != _UNENCRYPTED
    read = [(BackupSet.parse(entry), entry) for entry in found["backup"]]
    sets = tuple(
        _catalog_set(one, entry, _fault(one, entry, archive, newest_system), encrypted=encrypted) for one, entry in read
    )
    usable = sorted(
        (one for (one, _), shown in zip(read, sets, strict=True) if shown.usable), key=lambda one: one.stopped_at
    )
    timelines = tuple(_line(archive, usable, timeline, dated) for timeline in archive.timelines)
    reached = [line.newest for line in timelines if line.newest is not None]
    return Catalog(
        sets=tuple(sorted(sets, key=lambda one: one.restorable_at)),
        holes=tuple(_holes(archive, usable, dated)),
        timelines=timelines,
        oldest=usable[0].stopped_at if usable else None,
        newest=reached[-1] if reached else None,
        note=_NOTE if reached else "",
    )


def _of_system(
    archive: Mapping[str, Any], stanza: Mapping[str, Any], system: int
) -> tuple[dict[str, Any], dict[Segment, datetime]]:
    """The part of the archive that the newest system wrote, and when the store got each segment."""
    names = {f"{entry['id']}/" for entry in stanza.get("archive", ()) if entry["database"]["id"] == system}
    listing = {path: entry for path, entry in archive.items() if path.startswith(tuple(names))}
    dated = {
        segment: datetime.fromtimestamp(float(entry["time"]), UTC)
        for path, entry in listing.items()
        if (segment := segment_at(path)) is not None
    }
    return listing, dated


def _catalog_set(one: BackupSet, entry: Mapping[str, Any], fault: str, *, encrypted: bool) -> CatalogSet:
    return CatalogSet(
        label=one.label,
        type=one.type,
        restorable_at=one.stopped_at,
        started_at=one.started_at,
        timeline=one.first_segment.timeline,
        original_bytes=one.size,
        stored_bytes=int(entry["info"]["repository"].get("delta") or 0),
        encrypted=encrypted,
        fault=fault,
    )


def _fault(one: BackupSet, entry: Mapping[str, Any], archive: Archive, system: int) -> str:
    if entry["database"]["id"] != system:
        return "it is of an earlier system of this stanza"
    if entry.get("error"):
        return "pages of it had wrong checksums when it was taken"
    missing = _first_missing(archive, one, Segment.parse(entry["archive"]["stop"]).timeline)
    return f"WAL that it needs is missing: {missing.name()}" if missing else ""


def _first_missing(archive: Archive, one: BackupSet, timeline: int) -> Segment | None:
    """Of the segments between a set's start and its stop, the first that the archive has not on the line to ``timeline``."""
    last = parse_lsn(one.stop_lsn) // SEGMENT_BYTES
    needed = (Segment(archive.owner(timeline, number), number) for number in range(one.first_segment.number, last + 1))
    return next((segment for segment in needed if segment not in archive.segments), None)


def _on_line(archive: Archive, usable: Sequence[BackupSet], timeline: int) -> list[BackupSet]:
    """The sets that can be restored along this timeline, oldest first."""
    return [
        one
        for one in usable
        if archive.contains(timeline, one.first_segment.timeline, parse_lsn(one.stop_lsn))
        and _first_missing(archive, one, timeline) is None
    ]


def _line(
    archive: Archive, usable: Sequence[BackupSet], timeline: int, dated: Mapping[Segment, datetime]
) -> CatalogTimeline:
    """How far a restore along this timeline gets from the newest set on it, as `latest` takes it."""
    ancestors = archive.histories.get(timeline, ())
    parent, left = ancestors[-1] if ancestors else (None, None)
    on_line = _on_line(archive, usable, timeline)
    last, newest = "", None
    if on_line:
        start = on_line[-1]
        found = check_continuity(archive, start.first_segment, timeline)
        reached = Segment.parse(found.missing[0] if found.missing else found.last)
        if found.missing:
            number = reached.number - 1
            reached = Segment(archive.owner(timeline, number), number)
        last, newest = reached.name(), max(dated.get(reached, start.stopped_at), start.stopped_at)
    text = "" if left is None else f"{left >> 32:X}/{left & 0xFFFFFFFF:X}"
    return CatalogTimeline(timeline=timeline, parent=parent, left_at=text, last=last, newest=newest)


def _holes(archive: Archive, usable: Sequence[BackupSet], dated: Mapping[Segment, datetime]) -> Iterator[Hole]:
    """What is missing behind the oldest set of each timeline; a hole that several timelines pass through is told once."""
    told: set[Segment] = set()
    for timeline in archive.timelines:
        on_line = _on_line(archive, usable, timeline)
        if not on_line:
            continue
        missing = [
            Segment.parse(name) for name in check_continuity(archive, on_line[0].first_segment, timeline).missing
        ]
        for first, last in _runs(missing):
            if first not in told:
                told.add(first)
                yield _hole(archive, on_line, timeline, (first, last), dated)


def _runs(missing: Sequence[Segment]) -> Iterator[tuple[Segment, Segment]]:
    """Neighbours of one timeline together: the first and the last of each run."""
    if not missing:
        return
    first = missing[0]
    for before, after in pairwise(missing):
        if (after.timeline, after.number) != (before.timeline, before.number + 1):
            yield first, before
            first = after
    yield first, missing[-1]


def _hole(
    archive: Archive,
    on_line: Sequence[BackupSet],
    timeline: int,
    run: tuple[Segment, Segment],
    dated: Mapping[Segment, datetime],
) -> Hole:
    first, last = run
    before = Segment(archive.owner(timeline, first.number - 1), first.number - 1)
    behind = next((one for one in on_line if one.first_segment.number > last.number), None)
    after = max(dated[before], on_line[0].stopped_at) if before in dated else None
    until = behind.stopped_at if behind else None
    if until is None:
        meaning = "nothing behind it can be restored: take a backup now"
    else:
        meaning = f"moments between them can't be restored; {behind.label if behind else ''} goes on behind it"
    return Hole(
        missing=(first.name(), last.name()),
        count=last.number - first.number + 1,
        timeline=first.timeline,
        after=after,
        until=until,
        meaning=meaning,
    )
