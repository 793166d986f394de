"""The log of the lab's own runs, tampered with: found by the signatures, the chain, or the anchor in the locked bucket."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.conftest import Drills

pytestmark = pytest.mark.lab


def edit(entries: list[Path]) -> None:
    """Turn a verdict round."""
    closed = next(path for path in reversed(entries) if "-closed" in path.name)
    closed.write_text(closed.read_text(encoding="utf-8").replace('"verdict": "', '"verdict": "X', 1), encoding="utf-8")


def delete(entries: list[Path]) -> None:
    """Take an entry out of the middle."""
    for path in (entries[len(entries) // 2], entries[len(entries) // 2].with_suffix(".sig")):
        path.unlink()


def reorder(entries: list[Path]) -> None:
    """Exchange the contents of two entries, signatures included."""
    for suffix in (".json", ".sig"):
        first, second = entries[0].with_suffix(suffix), entries[1].with_suffix(suffix)
        one, two = first.read_bytes(), second.read_bytes()
        first.write_bytes(two)
        second.write_bytes(one)


def truncate(entries: list[Path]) -> None:
    """Cut the newest run off: what is left is whole, so only the anchor knows."""
    for path in entries[-2:]:
        path.unlink()
        path.with_suffix(".sig").unlink()


def leave(_entries: list[Path]) -> None:
    """Change nothing: the copy itself must verify."""


@pytest.fixture
def evidence(drills: Drills) -> dict[str, Any]:
    """Where the log is, of two runs at least."""
    declared: dict[str, Any] = drills.lab.variables["drillbook_evidence"]
    entries = Path(declared["directory"])
    for _ in range(2):
        if len(list(entries.glob("*.json"))) < 4:
            drills.run()  # these tests were selected alone
    assert len(list(entries.glob("*.json"))) >= 4, "runs wrote no evidence"
    return declared


@pytest.mark.parametrize(
    ("tamper", "found"), [(leave, False), (edit, True), (delete, True), (reorder, True), (truncate, True)]
)
def test_a_log_that_was_tampered_with(
    drills: Drills, evidence: dict[str, Any], tmp_path: Path, tamper: Callable[[list[Path]], None], found: bool
) -> None:
    copy = tmp_path / "evidence"
    shutil.copytree(evidence["directory"], copy)
    tamper(sorted(copy.glob("*.json")))
    overlay = drills.arguments(drillbook_evidence={**evidence, "directory": str(copy)})
    verified = drills.lab.run("drillbook", "evidence", "verify", *overlay, "--json")
    report = json.loads(verified.stdout)
    assert found or report["anchored"] is True
    assert (verified.returncode, report["ok"]) == ((1, False) if found else (0, True)), report
    assert bool(report["findings"]) is found
