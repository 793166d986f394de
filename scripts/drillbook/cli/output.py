"""Prints results: for people on standard output, as JSON for programs; messages go to standard error."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from drillbook.sanitize import sanitized

_WIDTH = 200
"""Of a pipe, and of tables everywhere: a long line is wrapped by the terminal, so that what stands in it can be copied."""


class Screen(Console):
    """Prints text as it is: no markup is read in it, and nothing in it moves the cursor."""

    def print(self, *objects: Any, **options: Any) -> None:
        """See `Console.print`."""
        before = self._width
        if any(isinstance(one, Table) for one in objects):
            self._width = max(_WIDTH, self.width)
        try:
            super().print(*(sanitized(one) if isinstance(one, str) else one for one in objects), **options)
        finally:
            self._width = before


def show(data: Mapping[str, Any] | Sequence[Any], *, as_json: bool, text: Callable[[Console], None]) -> None:
    """Print ``data`` as JSON, or what ``text`` prints."""
    if as_json:
        show_json(data)
    else:
        text(console())


def show_json(data: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print one JSON document; what UTF-8 can't write is escaped in it."""
    document = json.dumps(data, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write(document.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")


def console(*, stderr: bool = False) -> Console:
    """A console that neither colours nor cuts lines in a pipe."""
    made = Screen(stderr=stderr, highlight=False, soft_wrap=True, markup=False, emoji=False)
    if not made.is_terminal:
        made.width = _WIDTH
    return made


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A plain table."""
    made = Table(box=None, pad_edge=False)
    for heading in headings:
        made.add_column(heading, overflow="fold")
    for row in rows:
        made.add_row(*(sanitized(cell) for cell in row))
    return made


def seconds_text(value: float | None) -> str:
    """``12.3 s``, or ``-`` for what is unknown."""
    return "-" if value is None else f"{value:.1f} s"


def count_text(number: int, noun: str) -> str:
    """``1 finding``, ``2 findings``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
