"""Heartbeats of a machine: a file inside it, with the machine's own clock.

A heartbeat is acknowledged once it would survive a loss of power.

A copy of the machine that a drill starts elsewhere runs this, too. It must not write over what is to be read from it: so what
was found at the machine's start has to be published before a new one is written. A machine that was put back in its own place
does reach the store; so each heartbeat names, as ``before_start``, the newest one that this start of the machine found.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from acknowledged import parsed, read
from publishing import utc_now

from kinds import AnyHeartbeat, Beat, Start

SCHEMA = "drillbook.heartbeat/1"


class Heartbeat(AnyHeartbeat):
    """Keeps the newest heartbeat in a file, and goes on from it, or from the log where the file is torn or gone."""

    def __init__(self, settings: dict[str, Any], _secrets: dict[str, str], start: Start) -> None:
        self.owner = {"service": settings["service"], "host": settings["host"]}
        self.file = Path(settings["file"])
        known = [beat for beat in (parsed(read(self.file)), *start.acknowledged) if beat]
        self.found = self.newest = max(known, key=lambda one: int(one["counter"]), default=None)
        self.before_start = before_start(self.file) if start.goes_on else self.found

    def beat(self) -> Beat:
        """Write one heartbeat; raises OSError where it could not be kept, and then it is not acknowledged."""
        # The time first: whatever was kept on the disk before it, a backup that holds the heartbeat holds, too.
        moment = utc_now()
        counters = [int(one["counter"]) for one in (parsed(read(self.file)), self.newest) if one]
        beat = {"counter": max(counters, default=0) + 1, "written_at": moment}
        text = json.dumps({"schema": SCHEMA, **self.owner, **beat, "before_start": self.before_start})
        keep(self.file, text + "\n")
        self.newest = beat
        return beat


def keep(path: Path, text: str) -> None:
    """Replace a file's content so that after a loss of power the old or the new one is there, and the new one on return."""
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.chmod(0o644)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def before_start(file: Path) -> dict[str, Any] | None:
    """What an agent that was restarted meanwhile has written there."""
    try:
        return parsed(json.dumps(json.loads(read(file))["before_start"]))
    except (ValueError, KeyError, TypeError):
        return None
