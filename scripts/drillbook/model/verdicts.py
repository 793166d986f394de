"""What a run ends as, and the exit code that goes with it."""

from enum import StrEnum


class Verdict(StrEnum):
    """Outcome of one run; nothing skipped is ever PASS."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    UNPROVEN = "UNPROVEN"
    ERROR = "ERROR"
    BLOCKED = "BLOCKED"

    @property
    def exit_code(self) -> int:
        """0 objectives met, 1 not met or not proven, 3 could not be carried out."""
        if self is Verdict.PASS:
            return 0
        return 3 if self is Verdict.ERROR else 1
