"""Written pages say one idea a sentence: README, CHANGELOG and the pages of docs that no program writes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.hygiene.conftest import ROOT, repository_files
from tests.hygiene.prose import long_lines, sentences

WORDS, COLUMNS, SENTENCES_PER_SEMICOLON = 25, 100, 40
GENERATED = re.compile(r"\A# .+\n\n<!-- Written by `python -m ([\w.]+)`")


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The worst figures that a page which is still to be rewritten may have."""

    words: int
    semicolons: int
    long_lines: int


# Lower these with each improvement, and remove the page once it keeps the limits.
EXCEPTIONS: dict[str, Ceiling] = {"docs/how-to/develop.md": Ceiling(words=36, semicolons=4, long_lines=8)}


def generator(path: Path) -> str | None:
    """The module that writes a page, as the page's second paragraph names it."""
    found = GENERATED.match(path.read_text(encoding="utf-8"))
    return found[1] if found else None


MARKDOWN = [
    path
    for path in repository_files()
    if path in {ROOT / "README.md", ROOT / "CHANGELOG.md"} or (path.suffix == ".md" and ROOT / "docs" in path.parents)
]
WRITTEN = [path for path in MARKDOWN if generator(path) is None]


def figures(text: str) -> Ceiling:
    """What a page has now."""
    found = sentences(text)
    return Ceiling(
        words=max((sentence.words for sentence in found), default=0),
        semicolons=sum(sentence.semicolons for sentence in found),
        long_lines=len(long_lines(text, COLUMNS)),
    )


def complaints(text: str, ceiling: Ceiling | None = None) -> list[str]:
    """What stands against a page, with the lines."""
    found = sentences(text)
    allowed = ceiling or Ceiling(WORDS, len(found) // SENTENCES_PER_SEMICOLON, 0)
    wrong = [
        f"{sentence.line}: {sentence.words} words: {sentence.text}"
        for sentence in found
        if sentence.words > allowed.words
    ]
    chained = [f"{sentence.line}: semicolon: {sentence.text}" for sentence in found if sentence.semicolons]
    if figures(text).semicolons > allowed.semicolons:
        wrong += chained
    long = [f"{line.number}: {len(line.text)} characters: {line.text}" for line in long_lines(text, COLUMNS)]
    if len(long) > allowed.long_lines:
        wrong += long
    return wrong


@pytest.mark.parametrize("page", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_page(page: Path) -> None:
    ceiling = EXCEPTIONS.get(str(page.relative_to(ROOT)))
    assert not complaints(page.read_text(encoding="utf-8"), ceiling)


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_a_ceiling_is_what_the_page_has_now(name: str) -> None:
    assert figures((ROOT / name).read_text(encoding="utf-8")) == EXCEPTIONS[name], "lower the ceiling"


def test_pages_are_found() -> None:
    names = {str(path.relative_to(ROOT)) for path in WRITTEN}
    assert {"README.md", "CHANGELOG.md", "docs/design.md", "docs/reference/evidence.md"} <= names


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


def test_a_ceiling_lets_through_no_more_than_it_says() -> None:
    text = f"{LONG}; {'a' * 90}."
    assert complaints(text)
    now = figures(text)
    assert not complaints(text, now)
    assert complaints(text, Ceiling(now.words - 1, now.semicolons, now.long_lines))
    assert complaints(text, Ceiling(now.words, now.semicolons - 1, now.long_lines))
    assert complaints(text, Ceiling(now.words, now.semicolons, now.long_lines - 1))
