"""What is printed obeys nobody, and can be copied."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
from tests.unit.world import START

from drillbook.cli.output import Screen, console, count_text, show, table
from drillbook.journal.journal import EventType, RunEvent
from drillbook.reporters.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

HOSTILE = "[/x] [bold]b[/bold] \x1b[2J\x1b]0;owned\x07 \u202e :smile:"
RUN_ID = "20260131T120000Z-postgresql-latest-ff76"


@pytest.mark.parametrize(
    "text", [lambda screen: screen.print(HOSTILE), lambda screen: screen.print(table(["[/y]", ""], [[HOSTILE, "x"]]))]
)
def test_neither_markup_nor_escapes_are_obeyed(
    capsys: pytest.CaptureFixture[str], text: Callable[[Screen], None]
) -> None:
    show([], as_json=False, text=text)  # type: ignore[arg-type] # what the verbs are given is a Screen
    out = capsys.readouterr().out
    assert "[/x] [bold]b[/bold]" in out
    assert ("\x1b" in out, "\u202e" in out, ":smile:" in out) == (False, False, True)


def test_progress_neither(capsys: pytest.CaptureFixture[str]) -> None:
    said = {"name": HOSTILE, "status": "failed", "message": HOSTILE}
    Progress(console(stderr=True))(RunEvent(EventType.CHECK, HOSTILE, START, None, said))
    Progress(console(stderr=True))(RunEvent(EventType.OPENED, HOSTILE, START, None, {}))
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert err.count("[/x]") == 3


def test_json_is_written_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    show({"a": "\ud800ü"}, as_json=True, text=lambda _screen: None)
    out = capsys.readouterr().out
    assert json.loads(out) == {"a": "\ud800ü"}
    assert "ü" in out


def test_a_run_id_is_not_folded_on_a_narrow_terminal() -> None:
    shown = io.StringIO()
    narrow = Screen(file=shown, width=80, force_terminal=True, soft_wrap=True, color_system=None)
    narrow.print(table(["drill", "verdict", "age", "rto", "rpo", "run"], [["postgresql-latest"] * 5 + [RUN_ID]]))
    assert RUN_ID in shown.getvalue()


def test_counts_are_english() -> None:
    assert (count_text(1, "finding"), count_text(2, "finding")) == ("1 finding", "2 findings")
