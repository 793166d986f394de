"""A check that a run made, and what it found."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Stage(StrEnum):
    """Where in a run a check belongs; a failed one of ``gate`` or ``isolation`` stops the run."""

    GATE = "gate"
    ISOLATION = "isolation"
    VERIFY = "verify"
    PROVE = "prove"

    @property
    def stops_the_run(self) -> bool:
        """Tell whether going on after a failure would be unsafe."""
        return self in (Stage.GATE, Stage.ISOLATION)


class CheckStatus(StrEnum):
    """Result of a check."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One acceptance or proof; ``message`` and ``remedy`` are for whoever reads a red one."""

    name: str
    stage: Stage
    status: CheckStatus
    expected: str = ""
    actual: str = ""
    message: str = ""
    remedy: str = ""

    @classmethod
    def from_event(cls, data: Mapping[str, Any]) -> "Check":
        """Build a check from the result of the ``drillbook_check`` action.

        Raises KeyError or ValueError where name or stage is missing or unknown. Neither ``status``,
        ``passed`` nor ``skipped`` given counts as failed: a check must say that it is green.
        """
        if "status" in data:
            status = CheckStatus(str(data["status"]))
        elif data.get("skipped"):
            status = CheckStatus.SKIPPED
        else:
            status = CheckStatus.PASSED if data.get("passed") is True else CheckStatus.FAILED
        return cls(
            name=str(data["name"]),
            stage=Stage(str(data["stage"])),
            status=status,
            **{key: _text(data.get(key)) for key in ("expected", "actual", "message", "remedy")},
        )

    def as_json(self) -> dict[str, str]:
        """Return the form that journal and record carry."""
        return {
            "name": self.name,
            "stage": self.stage.value,
            "status": self.status.value,
            "expected": self.expected,
            "actual": self.actual,
            "message": self.message,
            "remedy": self.remedy,
        }


def _text(value: object) -> str:
    return "" if value is None else str(value)
