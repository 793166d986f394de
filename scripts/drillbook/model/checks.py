"""A check that a run made, and what it found."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from drillbook.sanitize import sanitized

_TEXTS = ("name", "expected", "actual", "message", "remedy")
_LIMIT = 4000


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
    """One acceptance or proof; ``message`` and ``remedy`` are for whoever reads a red one.

    Its text may be a guest's own words, so it is sanitized here, and cut after 4,000 characters.
    """

    name: str
    stage: Stage
    status: CheckStatus
    expected: str = ""
    actual: str = ""
    message: str = ""
    remedy: str = ""

    def __post_init__(self) -> None:
        """Make its text fit to be shown and recorded."""
        for name in _TEXTS:
            text = sanitized(getattr(self, name))
            object.__setattr__(self, name, text if len(text) <= _LIMIT else f"{text[:_LIMIT]} ...")

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
            expected=_text(data.get("expected")),
            actual=_text(data.get("actual")),
            message=""
            if status is CheckStatus.PASSED
            else _text(data.get("message")),  # a tool's notices explain nothing
            remedy=_text(data.get("remedy")),
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
    """In words: what is a list or a truth value in a playbook is no Python in a report."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | set):
        return ", ".join(_text(one) for one in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_text(inner)}" for key, inner in value.items()) or "none"
    return "" if value is None else str(value)
