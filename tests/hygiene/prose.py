"""Markdown taken apart into its sentences, so that their length can be counted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

FENCE = re.compile(r"^\s*(```+|~~~+)")
LIST_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
TABLE_RULE = re.compile(r"^[\s|:-]+$")
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
LINK_TARGET = re.compile(r"(?<=\])\([^)\s]*\)")
CELL_BORDER = re.compile(r"(?<!\\)\|")
# A full stop ends a sentence whatever letter follows: some names of programs begin with a small one.
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]*_]*\s+")
ABBREVIATIONS = ("e.g.", "i.e.", "etc.", "vs.", "cf.", "...")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of prose with its number, counted from 1."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, a heading, or a part of a table's cell; code spans are replaced by one word each."""

    line: int
    text: str

    @property
    def words(self) -> int:
        return sum(1 for word in self.text.split() if re.search(r"\w", word))

    @property
    def semicolons(self) -> int:
        return self.text.count(";")


def is_table(line: str) -> bool:
    return line.lstrip().startswith("|")


def prose(text: str) -> Iterator[Line]:
    """The lines outside code blocks. An empty line stands for each block that is left out."""
    fence = ""
    in_list, after_blank = False, True
    for number, line in enumerate(text.splitlines(), 1):
        found = FENCE.match(line)
        if fence:
            if found and found[1].startswith(fence):
                fence = ""
            yield Line(number, "")
            continue
        if found:
            fence = found[1]
            yield Line(number, "")
            continue
        if LIST_ITEM.match(line):
            in_list = True
        elif line and not line.startswith(" "):
            in_list = False
        indented = line.startswith("    ") and after_blank and not in_list
        after_blank = not line.strip() or indented
        yield Line(number, "" if indented else line)


def sentences(text: str) -> list[Sentence]:
    """All sentences of a page, in order."""
    return [sentence for line, block in _blocks(text) for sentence in _split(line, block)]


def long_lines(text: str, limit: int) -> list[Line]:
    """Lines of prose over the limit. A table's row can't be wrapped, nor can a link's target."""
    return [line for line in prose(text) if not is_table(line.text) and len(LINK_TARGET.sub("", line.text)) > limit]


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """Paragraphs, list items, headings and cells, each with the number of its first line."""
    first = 0
    parts: list[str] = []
    for line in [*prose(text), Line(0, "")]:
        alone = line.text.startswith("#") or is_table(line.text)
        if parts and (alone or not line.text.strip() or LIST_ITEM.match(line.text)):
            yield first, " ".join(parts)
            parts = []
        if is_table(line.text):
            if not TABLE_RULE.match(line.text):
                masked = CODE_SPAN.sub("Code", line.text)
                yield from ((line.number, cell.strip()) for cell in CELL_BORDER.split(masked) if cell.strip())
        elif alone:
            yield line.number, line.text.lstrip("# ")
        elif line.text.strip():
            first = first if parts else line.number
            parts.append(LIST_ITEM.sub("", line.text).strip())


def _split(line: int, block: str) -> Iterator[Sentence]:
    plain = LINK_TARGET.sub("", CODE_SPAN.sub("Code", block))
    start = 0
    for end in SENTENCE_END.finditer(plain):
        if not plain[: end.start()].endswith(ABBREVIATIONS):
            yield Sentence(line, plain[start : end.end()].strip())
            start = end.end()
    if plain[start:].strip():
        yield Sentence(line, plain[start:].strip())
