"""How new a PostgreSQL data directory is, from what pg_controldata says of it."""

from __future__ import annotations

import re

DOCUMENTATION = """
name: control_position
short_description: How new a PostgreSQL data directory is
description:
  - Reads the output of C(pg_controldata) in the locale C. The result is text of a fixed width, and sorts behind that of older data.
  - A standby's last checkpoint may lie far behind what it has replayed, so the end of its minimum recovery counts as well.
options:
  _input:
    description: What C(pg_controldata) says. Empty gives an empty text, which sorts before all others.
    type: str
    required: true
author: drillbook
"""

_TIMELINE = re.compile(
    r"^(?:Latest checkpoint's TimeLineID|Min recovery ending loc's timeline):\s+(\d+)$", re.MULTILINE
)
_LOCATION = re.compile(
    r"^(?:Latest checkpoint location|Minimum recovery ending location):\s+([0-9A-F]+)/([0-9A-F]+)$", re.MULTILINE
)


def control_position(text: str) -> str:
    """Return timeline and location as 8 and 16 digits, the newest of each; empty for an empty text."""
    if not text.strip():
        return ""
    timeline = max(int(found) for found in _TIMELINE.findall(text))
    location = max((int(high, 16) << 32) + int(low, 16) for high, low in _LOCATION.findall(text))
    return f"{timeline:08d}/{location:016X}"


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {"control_position": control_position}
