"""docs/reference/findings.md leaves no finding out, and names tests that are there."""

from __future__ import annotations

import re

from tests.hygiene.conftest import ROOT

PAGE = (ROOT / "docs/reference/findings.md").read_text(encoding="utf-8")
# Numbers of the reviews; those of new users that are absent here were other issues' from the start.
NUMBERS = {
    "S": set(range(1, 26)),
    "G": {4, 7, 8, 10, 14, *range(16, 26), 29, 30},
    "B": set(range(1, 26)),
    "P": set(range(1, 26)),
}
TEST = re.compile(r"`((?:unit|hygiene|contract|faults|end_to_end|molecule)/[\w/]+\.py)(?:::(\w+))?`")


def rows() -> list[list[str]]:
    lines = [line for line in PAGE.splitlines() if re.match(r"\| [SGBP]\d", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_no_finding_is_left_out_or_told_twice() -> None:
    told = [name for row in rows() for name in row[0].split(", ")]
    assert len(told) == len(set(told))
    assert set(told) == {f"{letter}{number}" for letter, numbers in NUMBERS.items() for number in numbers}


def test_each_test_that_is_named_is_there() -> None:
    for place, name in TEST.findall(PAGE):
        path = ROOT / place if place.startswith("molecule/") else ROOT / "tests" / place
        assert path.is_file(), place
        assert not name or f"def {name}(" in path.read_text(encoding="utf-8"), f"{place}::{name}"


def test_what_is_mended_has_a_test() -> None:
    assert [row[0] for row in rows() if row[3].startswith("mended") and not TEST.search(row[2])] == []
