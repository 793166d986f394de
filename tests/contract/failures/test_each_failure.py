"""Each way in which Proxmox VE says no, through the command line: its own exit code and message, and nothing is left.

A message says what, where and what to do now. What one failure says of itself no other says.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.contract.failures.cases import CASES, COMMANDS, CREATE, DRILL, SENTENCES, UNPROTECT, Case
from tests.contract.providers.proxmox import SECRET

if TYPE_CHECKING:
    from tests.contract.failures.console import Console


@pytest.mark.parametrize("name", CASES)
def test_a_failure_says_what_it_is_and_leaves_nothing(
    console: Console, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    case = CASES[name]
    case.prepare(console)
    case.strike(console, monkeypatch)
    before = console.left()
    said = console.run(case.command)
    assert said.code == case.code, said.text
    assert [name for name, sentence in SENTENCES.items() if re.search(sentence, said.text)] == [case.failure], said.text
    for part in (case.where, case.remedy):
        assert part in said.text
    assert "Traceback" not in said.text
    assert SECRET not in said.text
    assert console.left() == before


@pytest.mark.parametrize("command", [one for one in COMMANDS if one != UNPROTECT])
def test_where_nothing_fails_the_same_commands_do_their_work(console: Console, command: str) -> None:
    """Else that nothing is left could come from their doing nothing."""
    Case("", command, lambda _console, _patch: None, 0, "", "").prepare(console)
    before, served = console.left(), len(console.control.served())
    assert console.run(command).code == 0
    changed = [one for one in console.control.served()[served:] if one["method"] != "GET" and one["status"] == 200]
    assert changed
    assert (console.left() == before) is (command == DRILL)


def test_all_failures_are_met_and_each_has_a_command() -> None:
    assert {case.failure for case in CASES.values()} == set(SENTENCES)
    assert {case.command for case in CASES.values()} == set(COMMANDS)


def test_a_machine_whose_agent_falls_silent_after_the_freeze_is_thawed(console: Console) -> None:
    """The agent that does not say how far it is may have frozen the machine already."""
    console.machines["quiesce"] = "agent"
    before = console.left()
    console.control.answer_with(500, "QEMU guest agent is not running", "POST", "/101/agent/fsfreeze-status")
    said = console.run(CREATE)
    assert (said.code, "freezing failed for 1 of 2 machines: shop-web1" in said.text) == (3, True), said.text
    assert [one["path"] for one in console.control.served("POST", "/101/agent/fsfreeze-thaw")]
    assert console.left() == before
