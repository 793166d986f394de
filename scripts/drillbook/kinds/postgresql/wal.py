"""WAL in a pgBackRest archive: names, timelines, and whether a segment is missing.

pgBackRest's ``info``, ``verify`` and exit status do not notice a segment that is missing in the middle, and a restore to
the latest state silently ends there (seen with 2.55 and PostgreSQL 17); so continuity is checked here, by names alone,
which needs no decryption.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

SEGMENT_BYTES = 16 * 1024 * 1024
"""Size of a WAL segment; PostgreSQL's default, which initdb can change."""

_SEGMENT = re.compile(r"(?:^|/)([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})-[0-9a-f]{40}(?:\.\w+)?$")
_HISTORY = re.compile(r"(?:^|/)([0-9A-F]{8})\.history$")
_HISTORY_LINE = re.compile(r"^\s*(\d+)\s+([0-9A-F]+/[0-9A-F]+)\s*(.*)$", re.MULTILINE)
_NO_TARGET = "no recovery target specified"
"""What PostgreSQL writes into the history of a timeline that began by a promotion, not at a recovery target."""


def segment_at(path: str) -> Segment | None:
    """The segment that a file of the archive holds; None for any other file."""
    found = _SEGMENT.search(path)
    return Segment.parse("".join(found.groups())) if found else None


def parse_lsn(text: str) -> int:
    """Byte position of a location such as ``0/3000028``; raises ValueError."""
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """A WAL segment: its timeline, and its number counted from location 0/0."""

    timeline: int
    number: int

    @classmethod
    def parse(cls, name: str, segment_bytes: int = SEGMENT_BYTES) -> Self:
        """Read a file name of 24 hexadecimal digits; raises ValueError."""
        if not re.fullmatch(r"[0-9A-F]{24}", name):
            raise ValueError(f"'{name}' is no name of a WAL segment")
        return cls(int(name[:8], 16), int(name[8:16], 16) * (2**32 // segment_bytes) + int(name[16:], 16))

    def name(self, segment_bytes: int = SEGMENT_BYTES) -> str:
        """The file name."""
        high, low = divmod(self.number, 2**32 // segment_bytes)
        return f"{self.timeline:08X}{high:08X}{low:08X}"


@dataclass(frozen=True, slots=True)
class Archive:
    """What one archive holds: segments, and for each timeline but the first its ancestors with the switch locations.

    ``appeared`` is when a timeline's history was archived, in seconds since 1970; the only trace of when it began.
    ``promoted`` are the timelines that began without a recovery target: by a failover, or at the end of the archive.
    """

    segments: frozenset[Segment]
    histories: Mapping[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    appeared: Mapping[int, float] = field(default_factory=dict)
    promoted: frozenset[int] = frozenset()

    @classmethod
    def parse(
        cls, listing: Mapping[str, Any], histories: Mapping[str, str], segment_bytes: int = SEGMENT_BYTES
    ) -> Self:
        """Read ``repo-ls --recurse --output=json archive/<stanza>`` and the text of its history files, by path."""
        segments = set()
        appeared = {}
        for path, entry in listing.items():
            if found := _SEGMENT.search(path):
                segments.add(Segment.parse("".join(found.groups()), segment_bytes))
            elif found := _HISTORY.search(path):
                appeared[int(found.group(1), 16)] = float(entry.get("time") or 0)
        parsed = {}
        promoted = set()
        for path, text in histories.items():
            if found := _HISTORY.search(path):
                timeline, lines = int(found.group(1), 16), _HISTORY_LINE.findall(text)
                parsed[timeline] = tuple((int(parent), parse_lsn(lsn)) for parent, lsn, _ in lines)
                if lines and lines[-1][2].startswith(_NO_TARGET):
                    promoted.add(timeline)
        return cls(frozenset(segments), parsed, appeared, frozenset(promoted))

    @property
    def timelines(self) -> tuple[int, ...]:
        """Every timeline that left a segment or a history, oldest first."""
        return tuple(sorted({segment.timeline for segment in self.segments} | set(self.appeared) | set(self.histories)))

    def left_at(self, ancestor: int, timeline: int) -> int | None:
        """Location at which ``timeline``'s line left ``ancestor``; None if it did not pass through it.

        A timeline never left itself: that is infinity, here the largest location.
        """
        if ancestor == timeline:
            return 2**64
        return next((lsn for parent, lsn in self.histories.get(timeline, ()) if parent == ancestor), None)

    def contains(self, timeline: int, origin: int, lsn: int) -> bool:
        """Whether location ``lsn`` of timeline ``origin`` lies on the line that leads to ``timeline``."""
        left = self.left_at(origin, timeline)
        return left is not None and lsn <= left

    def continues(self, timeline: int, segment_bytes: int = SEGMENT_BYTES) -> bool:
        """Whether ``timeline`` goes on where its parent ended: nothing of the parent lies beside it.

        So it is after a failover; a restore to a target leaves the parent's later WAL on a branch of its own.
        """
        if timeline not in self.promoted:
            return False
        parent, lsn = self.histories[timeline][-1]
        newest = max((segment.number for segment in self.segments if segment.timeline == parent), default=0)
        return newest <= lsn // segment_bytes

    def owner(self, timeline: int, number: int, segment_bytes: int = SEGMENT_BYTES) -> int:
        """Which timeline's file holds segment ``number`` on the line to ``timeline``.

        At a switch the new timeline's file holds the segment, from its beginning.
        """
        for parent, lsn in self.histories.get(timeline, ()):
            if number < lsn // segment_bytes:
                return parent
        return timeline


@dataclass(frozen=True, slots=True)
class Continuity:
    """The outcome: segments expected from ``first`` to ``last``, and the first one that is missing."""

    first: str
    last: str
    expected: int
    missing: tuple[str, ...]

    @property
    def unbroken(self) -> bool:
        """True when nothing is missing."""
        return not self.missing


def check_continuity(
    archive: Archive, start: Segment, timeline: int, end: int | None = None, segment_bytes: int = SEGMENT_BYTES
) -> Continuity:
    """Look for holes from a backup set's first segment along the line to ``timeline``.

    ``end`` is the number of the last segment that matters (where a targeted recovery stopped); without it the newest
    archived one on that line.
    """
    on_line = [
        segment.number
        for segment in archive.segments
        if segment.number >= start.number and archive.owner(timeline, segment.number, segment_bytes) == segment.timeline
    ]
    last = end if end is not None else max(on_line, default=start.number)
    held = set(on_line)
    missing = tuple(
        Segment(archive.owner(timeline, number, segment_bytes), number).name(segment_bytes)
        for number in range(start.number, last + 1)
        if number not in held
    )
    return Continuity(
        first=start.name(segment_bytes),
        last=Segment(archive.owner(timeline, last, segment_bytes), last).name(segment_bytes),
        expected=last - start.number + 1,
        missing=missing,
    )
