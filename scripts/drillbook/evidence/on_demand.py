"""The log of a controller, opened when it is first needed: who only plans or reads makes neither a key nor a directory."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from drillbook.errors import EvidenceError
from drillbook.evidence.anchor import Anchor
from drillbook.evidence.chain import scan
from drillbook.evidence.entries import JSON, Entry, EntryKind
from drillbook.evidence.log import EvidenceLog
from drillbook.evidence.signature import Signer


class LogOnDemand:
    """An `EvidenceLog` whose key is read, or made for a log that is still empty, when something is asked of it.

    Each method raises the EvidenceError of a key that can't be used.
    """

    def __init__(
        self, directory: Path, key_file: Path, clock: Callable[[], datetime], anchor: Callable[[], Anchor | None]
    ) -> None:
        self._directory = directory
        self._key_file = key_file
        self._clock = clock
        self._anchor = anchor

    def append(self, kind: EntryKind, run_id: str, body: Mapping[str, JSON]) -> Entry:
        """Add one entry; see `EvidenceLog.append`."""
        return self._open(create=True).append(kind, run_id, body)

    def anchor_pending(self) -> list[Entry]:
        """Put into the anchor what it lacks; see `EvidenceLog.anchor_pending`."""
        return self._open(create=False).anchor_pending() if self._begun() else []

    def opening(self, run_id: str) -> Mapping[str, JSON]:
        """Return what a run said when it was opened; nothing if it was never opened."""
        return self._open(create=False).opening(run_id) if self._begun() else {}

    def open_runs(self) -> list[str]:
        """Runs that were opened and not closed, oldest first."""
        return self._open(create=False).open_runs() if self._begun() else []

    def prove_sound(self) -> None:
        """Raise the EvidenceError that the next append would raise; nothing is made."""
        if self._begun() or self._key_file.exists():
            log = self._open(create=False)
            if self._begun():
                log.open_runs()

    def beside(self, directory: Path) -> EvidenceLog:
        """A log of its own in ``directory``, not anchored, with this log's key, or a new one beside it where that can't be read."""
        try:
            signer = Signer.load(self._key_file)
        except EvidenceError:
            signer = Signer.load_or_create(directory.with_suffix(".pem"))
        return EvidenceLog(directory, signer, self._clock)

    def _begun(self) -> bool:
        return self._directory.exists() and bool(scan(self._directory).entries or scan(self._directory).staged)

    def _open(self, *, create: bool) -> EvidenceLog:
        if self._begun() and not self._key_file.exists():
            raise EvidenceError(
                "The signing key is gone, and this log was begun with it",
                where=str(self._key_file),
                remedy="Bring the key back from escrow, or begin a new log: an empty directory and another anchor_prefix",
            )
        signer = Signer.load_or_create(self._key_file) if create else Signer.load(self._key_file)
        return EvidenceLog(self._directory, signer, self._clock, self._anchor())
