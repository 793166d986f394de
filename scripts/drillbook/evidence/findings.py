"""What a verification finds, in words."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

FindingKind: TypeAlias = Literal[
    "anchor-changed",
    "anchor-differs",
    "anchor-unavailable",
    "bad-json",
    "bad-signature",
    "broken-chain",
    "duplicate-sequence",
    "empty-log",
    "head-differs",
    "missing-entry",
    "missing-signature",
    "not-anchored",
    "not-its-figures",
    "not-its-opening",
    "open-run",
    "renamed",
    "run-order",
    "tail-not-anchored",
    "truncated",
    "unfinished-append",
    "unknown-file",
    "unknown-schema",
    "unreadable",
    "wrong-key",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that keeps the log from being OK: what, where, and what to do now."""

    kind: FindingKind
    where: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.where}: {self.message}. {self.remedy}"


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """The answer of ``verify_log``.

    ``head`` is the SHA-256 of the newest entry (empty for an empty log): note it elsewhere and give it as the expected
    head next time. ``anchored`` says that the anchor holds that very entry. ``ok`` is true only with no finding at all.
    """

    findings: tuple[Finding, ...]
    head: str
    entries: int
    anchored: bool

    @property
    def ok(self) -> bool:
        """Nothing was found."""
        return not self.findings
