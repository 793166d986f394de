"""Ask the archive's own listing whether a segment is missing on the way that a recovery went."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from drillbook.kinds.postgresql.recovery_point import archived_until
from drillbook.kinds.postgresql.wal import SEGMENT_BYTES, Archive, Segment, check_continuity, parse_lsn


class ActionModule(ActionBase):
    """Runs on the controller; never fails by itself, the next task records the check."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset({"archive", "history", "point", "replayed_lsn", "segment_bytes"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return first, last, expected, missing (names) and reached (name of the segment where replay ended).

        For the latest state every archived segment on the line matters, and the replay must have reached the last one;
        for a target only those up to where the replay ended.
        """
        result = super().run(tmp, task_vars)
        asked = self._task.args
        size = int(asked.get("segment_bytes") or SEGMENT_BYTES)
        point = asked["point"]
        archive = Archive.parse(archived_until(asked["archive"], point.get("until")), asked.get("history") or {}, size)
        replayed = parse_lsn(asked["replayed_lsn"])
        latest = point["type"] == "latest"
        # A location on a segment's border is the end of the segment before it.
        reached = (replayed - 1) // size
        start, timeline = Segment.parse(point["first_segment"], size), int(point["timeline"])
        continuity = check_continuity(archive, start, timeline, None if latest else max(reached, start.number), size)
        last = Segment.parse(continuity.last, size)
        result.update(
            changed=False,
            first=continuity.first,
            last=continuity.last,
            expected=continuity.expected,
            missing=list(continuity.missing),
            reached=Segment(timeline, reached).name(size),
            complete=continuity.unbroken and reached >= last.number,
        )
        return result
