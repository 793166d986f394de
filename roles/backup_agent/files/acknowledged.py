"""The log of acknowledged heartbeats, outside what they are about."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


class AcknowledgedLog:
    """One line of JSON per acknowledged heartbeat; the file is opened for each, so that it may be turned over."""

    def __init__(self, path: Path, host: str) -> None:
        self.path = path
        self.host = host

    def note(self, heartbeat: dict[str, Any]) -> None:
        """Add one line; raises OSError."""
        with self.path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({**heartbeat, "host": self.host}) + "\n")

    def newest(self) -> list[dict[str, Any]]:
        """What the ends of this log and of the one before it tell."""
        texts = []
        for log in (self.path, self.path.with_name(f"{self.path.name}.1")):
            texts += read(log).splitlines()[-2:]  # the last line may be torn
        return [heartbeat for text in texts if (heartbeat := parsed(text))]


def read(path: Path) -> str:
    """The file's text, "" where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def parsed(text: str) -> dict[str, Any] | None:
    """Counter and time of a heartbeat; None where the text is torn."""
    try:
        found = json.loads(text)
        return {"counter": int(found["counter"]), "written_at": str(found["written_at"])}
    except (ValueError, KeyError, TypeError):
        return None
