"""Prints results: for people on standard output, as JSON for programs; messages go to standard error."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

_NARROW = 200


def show(data: Mapping[str, Any] | Sequence[Any], *, as_json: bool, text: Callable[[Console], None]) -> None:
    """Print ``data`` as JSON, or what ``text`` prints."""
    if as_json:
        sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False, default=str) + "\n")
    else:
        text(console())


def console(*, stderr: bool = False) -> Console:
    """A console that neither colours nor cuts lines in a pipe."""
    made = Console(stderr=stderr, highlight=False, soft_wrap=True)
    if not made.is_terminal:
        made.width = _NARROW
    return made


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A plain table."""
    made = Table(box=None, pad_edge=False)
    for heading in headings:
        made.add_column(heading, overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made


def seconds_text(value: float | None) -> str:
    """``12.3 s``, or ``-`` for what is unknown."""
    return "-" if value is None else f"{value:.1f} s"
