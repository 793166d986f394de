"""Each message that docs/troubleshooting.md quotes is printed by something in the tree, so that the page can't rot."""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.hygiene.conftest import ROOT, strings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = ROOT / "docs/troubleshooting.md"
HOLE = "..."
NOT_OURS = "What ssh says"
PLACEHOLDER = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


def of_python(path: Path) -> Iterator[str]:
    """Every text of a module, with holes where an f-string puts a value."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(
                part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else HOLE
                for part in node.values
            )


@cache
def printed() -> tuple[str, ...]:
    """All texts of the package, the roles, the playbooks and the modules that run for them, on one line each."""
    programs = [*(ROOT / "scripts/drillbook").rglob("*.py"), *(ROOT / "roles").glob("*/files/**/*.py")]
    programs += [path for folder in ("action", "modules") for path in (ROOT / "plugins" / folder).glob("*.py")]
    tasks = [*(ROOT / "roles").glob("*/tasks/**/*.yml"), *(ROOT / "playbooks").rglob("*.yml")]
    found = [text for path in programs for text in of_python(path)]
    found += [
        PLACEHOLDER.sub(HOLE, text)
        for path in tasks
        for text in strings(yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader))  # noqa: S506 - builds texts only
    ]
    return tuple(" ".join(text.split()) for text in found)


def is_printed(message: str) -> bool:
    """Whether one text holds the message, with anything in its holes."""
    pattern = re.compile(".*".join(re.escape(part.strip()) for part in message.split(HOLE)))
    return any(pattern.search(text) for text in printed())


def quoted() -> dict[str, list[str]]:
    """By section, the messages: the code of the first column."""
    found: dict[str, list[str]] = {}
    for title, body in re.findall(
        r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    ):
        cells = [line.split("|")[1] for line in body.splitlines() if line.startswith("| `")]
        found[title] = [message for cell in cells for message in re.findall(r"`([^`]+)`", cell)]
    return found


MESSAGES = [message for title, messages in quoted().items() if title != NOT_OURS for message in messages]


def test_the_page_is_read() -> None:
    assert len(MESSAGES) > 40
    assert all(quoted().values())
    assert len(set(MESSAGES)) == len(MESSAGES)


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_in_the_sources(message: str) -> None:
    assert any(len(part.strip()) > 5 for part in message.split(HOLE)), "it could be anything"
    assert is_printed(message)


@pytest.mark.parametrize(
    "message",
    [
        "run ... left the ... in the lurch",
        "clock fault: this machine is ... s off its own clock",
        "the token may not do this: ...",
        "left the ... behind run ... of",
    ],
)
def test_one_that_nobody_prints_is_found(message: str) -> None:
    assert not is_printed(message)


@pytest.mark.parametrize("message", ["Host key verification failed", "Permission denied (publickey)"])
def test_what_is_said_to_be_not_ours_is_not(message: str) -> None:
    assert message in quoted()[NOT_OURS]
    assert not is_printed(message)
