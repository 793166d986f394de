"""A number that an operator gives on the command line is a text there: roles make a number of it before they reckon with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.hygiene.test_roles import options_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

OPERATOR = r"(?:>=|<=|==|!=|>|<|\+|-|\*|//|/)"


def reckoned_with(lines: Iterable[str], numbers: Iterable[str]) -> Iterator[str]:
    """Lines in which a variable stands beside an operator and is not made a number."""
    names = "|".join(sorted(numbers, key=len, reverse=True))
    if not names:
        return
    before_operator = re.compile(rf"\b(?:{names})\b(?!\s*\|\s*(?:int|float)\b)\s*{OPERATOR}\s")
    behind_operator = re.compile(rf"\s{OPERATOR}\s+(?:\d+ \* )?(?:{names})\b(?!\s*\|\s*(?:int|float)\b)(?![\w.\[])")
    for line in lines:
        if not line.lstrip().startswith("#") and (before_operator.search(line) or behind_operator.search(line)):
            yield line.strip()


def test_numbers_are_made_numbers(role: Path) -> None:
    numbers = [name for name, option in options_of(role).items() if option.get("type") in {"int", "float"}]
    found = {
        str(path.relative_to(role)): lines
        for path in sorted(role.rglob("*"))
        if path.suffix in {".yml", ".j2"} and "meta" not in path.parts
        if (lines := list(reckoned_with(path.read_text(encoding="utf-8").splitlines(), numbers)))
    }
    assert not found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("when: x_seconds > 0", True),
        ("that: y >= 5 * x_seconds", True),
        ("argv: ['--for={{ x_seconds * 2 + 30 }}']", True),
        ("when: x_seconds | int > 0", False),
        ("that: y >= 5 * x_seconds | int", False),
        ("timeout: '{{ x_seconds }}'", False),
        ("# x_seconds > 0", False),
        ("when: other_x_seconds_more > 0", False),
    ],
)
def test_what_is_reckoned_with_is_found(line: str, found: bool) -> None:
    assert bool(list(reckoned_with([line], ["x_seconds"]))) is found
