"""The two entries of one run, and what happens when the log or its anchor does not take them.

What is not anchored does not count, so a drill whose opening entry is not in the anchor is not carried out. In place the rescue
comes first. There the run goes on, with a log of its own in its directory where the controller's is broken, and says so.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from drillbook.errors import DrillbookError, EvidenceError
from drillbook.evidence.entries import Entry
from drillbook.model import Check, CheckStatus, Mode, Stage
from drillbook.run.evidence_log import EvidenceWriter

BESIDE_NAME = "evidence"
"""Where in a run's directory its own log is, if it needed one."""
_CHECK = "the run is in the evidence"
_REMEDY = 'When the service is back: docs/reference/evidence.md, "When the log does not take a run".'


class RunEvidence:
    """Writes the entries of one run; ``trouble`` says what keeps them from being evidence, and is empty where nothing does."""

    def __init__(self, log: EvidenceWriter, mode: Mode, directory: Path) -> None:
        self._log = log
        self._mode = mode
        self._beside = directory / BESIDE_NAME
        self._opened: Mapping[str, Any] = {}
        self._newest: Entry | None = None
        self._error: DrillbookError | OSError | None = None
        self._recorded = True

    def open(self, run_id: str, body: Mapping[str, Any]) -> None:
        """Write the opening entry. Raises EvidenceError of a drill, and nothing in place."""
        self._opened = body
        self._append("opened", run_id, body)

    def close(self, run_id: str, record: Mapping[str, Any]) -> None:
        """Write the closing entry. Raises EvidenceError of a drill, and nothing in place."""
        self._append("closed", run_id, record)

    @property
    def entry(self) -> Entry | None:
        """The newest entry that was written; None where not even the run's own log could be."""
        return self._newest if self._recorded else None

    @property
    def trouble(self) -> str:
        """What is wrong, in a sentence with its remedy."""
        if self._error is not None:
            where = f"the run's entries lie in {self._beside}" if self._recorded else "the run is in no log"
            return f"not in the evidence log: {str(self._error).rstrip('.')}. So {where}."
        if self._newest is not None and self._newest.anchored is False:
            return f"{self._newest.name} is not in the anchor: {self._newest.anchor_problem}"
        return ""

    def checks(self) -> tuple[Check, ...]:
        """What the gate has to say of the opening entry: nothing where no anchor is declared and nothing is wrong.

        Raises EvidenceError of a drill whose opening entry is not anchored.
        """
        entry, trouble = self._newest, self.trouble
        if trouble and self._mode is Mode.SANDBOX and entry is not None:
            raise EvidenceError(
                f"the opening entry is not anchored, and so the drill would prove nothing: {entry.anchor_problem}",
                where=entry.name,
                remedy="Repair the anchor, and run the drill again.",
            )
        expected = "the opening entry is in the log and in its anchor"
        if trouble:
            return (Check(_CHECK, Stage.GATE, CheckStatus.SKIPPED, expected, message=trouble, remedy=_REMEDY),)
        if entry is None or entry.anchored is None:
            return ()
        return (Check(_CHECK, Stage.GATE, CheckStatus.PASSED, expected, actual=f"{entry.name} is anchored"),)

    def _append(self, kind: Literal["opened", "closed"], run_id: str, body: Mapping[str, Any]) -> None:
        if self._error is None:
            try:
                self._newest = self._log.append(kind, run_id, body)
            except (DrillbookError, OSError) as error:
                if self._mode is Mode.SANDBOX:
                    raise
                self._error = error
            else:
                return
            if kind == "closed":
                self._append_beside("opened", run_id, self._opened)
        self._append_beside(kind, run_id, body)

    def _append_beside(self, kind: Literal["opened", "closed"], run_id: str, body: Mapping[str, Any]) -> None:
        try:
            self._newest = self._log.beside(self._beside).append(kind, run_id, body)
        except (DrillbookError, OSError):
            self._recorded = False
