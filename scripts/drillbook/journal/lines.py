"""JSON lines on disk that survive a crash of the writer and of the machine, and a full disk."""

import fcntl
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class OddLine:
    """A line that can't be read; ``number`` counts from 1, and is 0 where the whole file can't be read."""

    path: Path
    number: int
    why: str

    def __str__(self) -> str:
        at = f"line {self.number} of {self.path}" if self.number else str(self.path)
        return f"{at}: {self.why}"


@dataclass(frozen=True, slots=True)
class Lines:
    """What a file holds: its entries in order, each with the number of its line, and what could not be read."""

    entries: tuple[tuple[int, dict[str, Any]], ...] = ()
    odd: tuple[OddLine, ...] = ()


def append_line(path: Path, entry: Mapping[str, Any]) -> None:
    """Append one entry whole and fsync it, the directory too when the file is new. Mode 0600.

    It begins on a line of its own, whatever a crash has left before it. Raises OSError when the disk refuses it; the file is
    then as it was.
    """
    new = not path.exists()
    line = json.dumps(entry, sort_keys=True, separators=(",", ":"), default=str).encode() + b"\n"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)  # given back when the handle is closed
        before = os.fstat(handle).st_size
        torn = before > 0 and os.pread(handle, 1, before - 1) != b"\n"
        _write_whole(handle, (b"\n" if torn else b"") + line, before)
    finally:
        os.close(handle)
    if new:
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _write_whole(handle: int, content: bytes, before: int) -> None:
    """Write all of it, or bring the file back to its length ``before`` and raise OSError."""
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, before)
        raise


def read_lines(path: Path) -> Lines:
    """Read what can be read. A torn or foreign line is told, and hides none behind it; nothing is raised."""
    try:
        content = _content(path)
    except FileNotFoundError:
        return Lines()
    except OSError as error:
        return Lines(odd=(OddLine(path, 0, f"it can't be read: {error.strerror or error}"),))
    entries: list[tuple[int, dict[str, Any]]] = []
    odd: list[OddLine] = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line.decode())
        except (ValueError, RecursionError):
            odd.append(OddLine(path, number, "it is torn, or no JSON"))
            continue
        if isinstance(entry, dict):
            entries.append((number, entry))
        else:
            odd.append(OddLine(path, number, "it is no JSON object"))
    return Lines(tuple(entries), tuple(odd))


def _content(path: Path) -> bytes:
    """All bytes of a regular file; whatever else has its name must not make the reader wait."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(0, "it is no ordinary file")
        return file.read()
