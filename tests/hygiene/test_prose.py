"""Written pages say one idea a sentence: those at the root, and the pages of docs that no program writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.hygiene.conftest import ROOT, repository_files
from tests.hygiene.prose import long_lines, sentences

WORDS, COLUMNS, SENTENCES_PER_SEMICOLON = 25, 100, 40
GENERATED = re.compile(r"\A# .+\n\n<!-- Written by `python -m ([\w.]+)`")


def generator(path: Path) -> str | None:
    """The module that writes a page, as the page's second paragraph names it."""
    found = GENERATED.match(path.read_text(encoding="utf-8"))
    return found[1] if found else None


MARKDOWN = [
    path
    for path in repository_files()
    if path.suffix == ".md" and (path.parent == ROOT or ROOT / "docs" in path.parents)
]
WRITTEN = [path for path in MARKDOWN if generator(path) is None]


def complaints(text: str) -> list[str]:
    """What stands against a page, with the lines."""
    found = sentences(text)
    wrong = [
        f"{sentence.line}: {sentence.words} words: {sentence.text}" for sentence in found if sentence.words > WORDS
    ]
    if sum(sentence.semicolons for sentence in found) > len(found) // SENTENCES_PER_SEMICOLON:
        wrong += [f"{sentence.line}: semicolon: {sentence.text}" for sentence in found if sentence.semicolons]
    return wrong + [f"{line.number}: {len(line.text)} characters: {line.text}" for line in long_lines(text, COLUMNS)]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_page(page: Path) -> None:
    assert not complaints(page.read_text(encoding="utf-8"))


def test_pages_are_found() -> None:
    names = {str(path.relative_to(ROOT)) for path in WRITTEN}
    assert {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"} <= names
    assert {"docs/design.md", "docs/how-to/develop.md", "docs/reference/kinds/machines.md"} <= names


def test_a_page_left_out_is_written_by_a_program() -> None:
    left_out = {path: generator(path) for path in MARKDOWN if path not in WRITTEN}
    assert left_out
    for path, module in left_out.items():
        assert module is not None
        assert (ROOT / "scripts" / module.replace(".", "/")).with_suffix(".py").is_file(), path


LONG = "on " * 25 + "more"
FITTING = "on " * 24 + "more"


@pytest.mark.parametrize(
    "text",
    [
        f"{LONG}.",
        f"Short. {LONG}. Short.",
        f"{LONG}; `code`.",
        f"- {LONG}.\n- Short.",
        f"1. Short.\n\n   {LONG}.",
        f"- Short.\n\n    {LONG}.",
        f"# {LONG}",
        f"| a | b |\n|---|---|\n| short | {LONG} |",
        f"| `a | b` | {LONG} |",
        LONG.replace(" ", "\n"),
        f"{FITTING} `a b` end.",
        f"{FITTING} [last](https://example.org/a/b).",
        f"{FITTING} 2.5 s.",
        f"```\ncode\n```\n{LONG}.",
        f"    code\n\n{LONG}.",
    ],
)
def test_a_long_sentence_is_found(text: str) -> None:
    assert any(" words: " in line for line in complaints(text))


@pytest.mark.parametrize("text", ["One; two.", "- One; two.", "| one; two |", "A.\n" * 38 + "b; c."])
def test_a_semicolon_is_found(text: str) -> None:
    assert any("semicolon" in line for line in complaints(text))


@pytest.mark.parametrize("text", ["word " * 20 + "w", f"- {'word ' * 20}", f"[word {'word ' * 19}words](a.md)"])
def test_a_long_line_is_found(text: str) -> None:
    assert len(text.replace("(a.md)", "")) > COLUMNS
    assert any("characters" in line for line in complaints(text))


@pytest.mark.parametrize(
    "text",
    [
        f"{FITTING}.",
        f"{FITTING}.\npgBackRest {FITTING[3:]}.",
        f"(In brackets.) {FITTING}.",
        f"{FITTING[3:]}\n`{LONG}`.",
        f"```\n{LONG}; {LONG}\n```",
        f"- Short.\n\n  ```yaml\n  {LONG}; {LONG}\n  ```\n\n- Short.",
        f"````\n```\n{LONG};\n````",
        f"Short:\n\n    {LONG}; {LONG}\n\nShort.",
        f"- {FITTING}\n- {FITTING}",
        f"| {FITTING} | {FITTING} |",
        "| `a; b` | c |",
        "Keep `a; b` apart.",
        f"See [the page](https://example.org/{'a' * 100}).",
        f"`{'a' * 98}`",
        "A.\n" * 39 + "b; c.",
    ],
)
def test_a_good_page_is_left_alone(text: str) -> None:
    assert not complaints(text)
