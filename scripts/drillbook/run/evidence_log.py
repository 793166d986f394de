"""What the drill needs of the evidence log, and the copy of the record that lies beside the journal."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

from drillbook.evidence.entries import Entry

RECORD_NAME = "record.json"


class EvidenceWriter(Protocol):
    """The log of ``drillbook.evidence``, as far as runs write to it. Each method raises EvidenceError."""

    def append(
        self, kind: Literal["opened", "closed", "closed-by-successor"], run_id: str, body: Mapping[str, Any]
    ) -> Entry:
        """Add an entry; ``anchored`` of what is returned says whether the anchor has it."""
        ...

    def opening(self, run_id: str) -> Mapping[str, Any]:
        """What a run said when it was opened; nothing if it never was."""
        ...

    def open_runs(self) -> list[str]:
        """Runs that were opened and not closed."""
        ...

    def beside(self, directory: Path) -> "EvidenceWriter":
        """A log of its own in ``directory``, for a rescue that this log can't take."""
        ...


def write_record(directory: Path, record: Mapping[str, Any]) -> Path:
    """Write ``record.json`` (mode 0600) whole or not at all."""
    path = directory / RECORD_NAME
    staged = directory / f".{RECORD_NAME}"
    handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(record, file, indent=2, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(path)
    return path
