"""Each option that a verb takes is consumed or refused: nothing that an operator asks for is left out without a word."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.cli.test_help import commands

from drillbook.cli import main
from drillbook.cli.main import app
from drillbook.model import Mode, PointType

if TYPE_CHECKING:
    from drillbook.run.plan import Plan

GIVEN = {
    "--disaster-at": "2026-01-31T12:00:00Z",
    "--point": "oldest",
    "--set": "20260131-110000F",
    "--timeline": "3",
    "--repository-time": "2026-01-31T11:00:00Z",
    "--replace": "db1",
    "--only": "db1",
    "--without": "db1",
    "--accept-hole": "000000010000000000000009",
    "--confirm": "nobody",
}
"""A value for each option that says what is to be done."""
MANNER = frozenset({"--inventory", "--json", "--check", "--quiet", "--help"})
"""Those that say how it is told."""
FLAGS = frozenset({"--from-escrow", "--keep", "--in-place", "--overwrite"})
VERBS = {
    ("drill", "plan"): ("drill", "plan", "main-latest"),
    ("drill", "run"): ("drill", "run", "main-latest"),
    ("restore",): ("restore", "main", "--in-place", "--confirm", "postgresql_main"),
}


def options_of(words: tuple[str, ...]) -> list[str]:
    command = dict(commands(app))[words]
    return [max(made.opts, key=len) for made in command.params if made.opts[0].startswith("-")]


class Told:
    """What a verb did: the plan that it made, its exit code."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        for module in ("drill", "restore"):
            monkeypatch.setattr(f"drillbook.cli.{module}.carry_out", self.keep)
        monkeypatch.setattr("drillbook.cli.drill.show_plan", self.keep)
        self.plan: dict[str, Any] | None = None

    def keep(self, *given: Any, **_said: Any) -> None:
        plan: Plan = given[-1]
        self.plan = plan.as_json()

    def call(self, *arguments: str) -> tuple[int, str]:
        self.plan = None
        self._monkeypatch.setattr(sys, "argv", ["drillbook", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        return int(caught.value.code or 0), json.dumps(self.plan, sort_keys=True)


@pytest.mark.usefixtures("inventory")
@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_each_option_changes_the_plan_or_is_refused(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    told = Told(monkeypatch)
    code, before = told.call(*VERBS[words])
    assert code == 0
    for option in options_of(words):
        if option in MANNER or option in VERBS[words]:
            continue
        value = () if option in FLAGS else (GIVEN[option],)
        code, after = told.call(*VERBS[words], option, *value)
        assert (code == 2) != (after not in (before, "null")), f"{option}: exit code {code}, plan {after}"


@pytest.mark.usefixtures("inventory")
@pytest.mark.parametrize("left_out", ["--in-place", "--confirm"])
def test_what_says_that_a_restore_is_meant_must_be_there(monkeypatch: pytest.MonkeyPatch, left_out: str) -> None:
    words = [word for word in VERBS["restore",] if word not in (left_out, "postgresql_main")]
    assert Told(monkeypatch).call(*words)[0] == 2


@pytest.mark.usefixtures("inventory")
def test_the_past_of_a_repository_is_refused_in_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Told(monkeypatch)
    given = ("--repository-time", GIVEN["--repository-time"])
    assert told.call(*VERBS["restore",], *given)[0] == 2
    assert "repository_time" in capsys.readouterr().err
    assert told.call(*VERBS["drill", "run"], *given)[0] == 0


def test_all_kinds_of_points_and_both_modes_are_walked_elsewhere() -> None:
    """`tests/contract/kinds/test_declarations.py` has the table: this one must not grow without it."""
    assert (len(PointType), len(Mode)) == (8, 2)
