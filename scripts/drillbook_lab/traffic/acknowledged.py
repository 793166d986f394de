"""The list of acknowledged commits: one line each, `number<TAB>monotonic seconds<TAB>UTC time`."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Outage:
    """The longest time without an acknowledged commit, between two acknowledged ones."""

    length: timedelta
    began_at: datetime | None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """One commit that the server confirmed: its number, and when the client heard of it."""

    number: int
    monotonic_seconds: float
    heard_at: datetime


class AcknowledgedCommits:
    """Appends acknowledgements to a file (closed by `close`) and reads them back; survives an interrupted last line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def append(self, number: int, monotonic_seconds: float) -> None:
        """Write one acknowledgement through to the operating system."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a", encoding="utf-8", buffering=1)
        self._file.write(f"{number}\t{monotonic_seconds:.6f}\t{datetime.now(UTC).isoformat()}\n")

    def close(self) -> None:
        """Close the file; a later append opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def read(self) -> list[Acknowledgement]:
        """All acknowledgements in the order in which they were heard."""
        if not self._path.exists():
            return []
        found = []
        for line in self._path.read_text(encoding="utf-8").splitlines(keepends=True):
            fields = line.rstrip("\n").split("\t")
            if line.endswith("\n") and len(fields) == 3:
                heard_at = datetime.fromisoformat(fields[2])
                found.append(Acknowledgement(int(fields[0]), float(fields[1]), heard_at))
        return found

    def next_number(self) -> int:
        """A number above all that were ever tried, in this list or in another one: the clock's milliseconds.

        A writer takes fewer than a thousand numbers a second, so that the next one, whenever it starts, begins above them.
        """
        return max(max((entry.number for entry in self.read()), default=0) + 1_000, time.time_ns() // 1_000_000)


def longest_outage(acknowledged: list[Acknowledgement], ended_at: float | None = None) -> Outage:
    """The longest gap between neighbours; zero when there are fewer than two.

    With ``ended_at``, the monotonic second at which writing was ended, a silence at the end is a gap as well.
    """
    gaps = [
        (later.monotonic_seconds - earlier.monotonic_seconds, earlier.heard_at)
        for earlier, later in itertools.pairwise(acknowledged)
    ]
    if acknowledged and ended_at is not None:
        gaps.append((ended_at - acknowledged[-1].monotonic_seconds, acknowledged[-1].heard_at))
    if not gaps:
        return Outage(timedelta(), None)
    seconds, began_at = max(gaps)
    return Outage(timedelta(seconds=seconds), began_at)
