"""JSON lines on disk that survive a crash of the writer and of the machine."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def append_line(path: Path, entry: Mapping[str, Any]) -> None:
    """Append one entry with a single write and fsync it, the directory too when the file is new. Mode 0600."""
    new = not path.exists()
    line = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str) + "\n"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, line.encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    if new:
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the entries in order; a torn last line (the writer was killed) ends the reading."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                return
            yield entry
