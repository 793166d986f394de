"""What ansible-runner's events mean, as data cases."""

from datetime import timedelta
from typing import Any

import pytest

from drillbook.ansible.events import EventReader, failure_message, plain
from drillbook.model import Check, CheckStatus


class Seen:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.plays: list[str] = []
        self.checks: list[Check] = []
        self.facts: dict[str, Any] = {}
        self.failures: list[tuple[str, str, str]] = []
        self.running: list[tuple[str, timedelta]] = []

    def play_started(self, name: str) -> None:
        self.plays.append(name)

    def check(self, check: Check) -> None:
        self.checks.append(check)

    def fact(self, name: str, value: Any) -> None:
        self.facts[name] = value

    def task_runs(self, task: str, running: timedelta) -> None:
        self.running.append((task, running))

    def task_failed(self, host: str, task: str, message: str) -> None:
        self.failures.append((host, task, message))


def event(kind: str, **data: Any) -> dict[str, Any]:
    return {"event": kind, "event_data": data}


def failed(task: str, host: str = "db1", action: str = "ansible.builtin.command", **res: Any) -> dict[str, Any]:
    return event("runner_on_failed", task=task, host=host, task_action=action, res=res)


def read(*events: dict[str, Any]) -> tuple[EventReader, Seen]:
    seen = Seen()
    reader = EventReader(seen)
    for one in events:
        reader(one)
    return reader, seen


def test_plays_checks_and_facts_are_passed_on() -> None:
    check = {"name": "roles", "stage": "verify", "status": "passed"}
    _reader, seen = read(
        event("playbook_on_start"),
        event("playbook_on_play_start", name="(1/2) select: Choose"),
        event("runner_on_ok", task="t", res={"drillbook_check": check}),
        event("runner_item_on_ok", task="t", res={"drillbook_fact": {"name": "isolated", "value": False}}),
        event("runner_on_ok", task="t", res={"results": [{"drillbook_check": check}]}),
        {"event": "verbose"},
    )
    assert seen.plays == ["(1/2) select: Choose"]
    assert [entry.status for entry in seen.checks] == [CheckStatus.PASSED]  # the loop's summary repeats its items
    assert seen.facts == {"isolated": False}


def test_unreadable_check_is_red() -> None:
    _reader, seen = read(event("runner_on_ok", task="Check it", res={"drillbook_check": {"name": "x"}}))
    assert (seen.checks[0].name, seen.checks[0].status) == ("Check it", CheckStatus.FAILED)


def test_cause_is_the_first_host_of_the_last_failed_task() -> None:
    reader, seen = read(
        failed("Try", msg="rescued"),
        failed("Restore", host="db1", msg="bad checksum"),
        failed("Restore", host="db2", msg="same"),
    )
    assert reader.failure is not None
    assert reader.failure.text() == "Restore: bad checksum"
    assert len(seen.failures) == 3


def test_words_written_for_the_reader_are_shown_as_they_are() -> None:
    reader, _seen = read(failed("Refuse", action="ansible.builtin.assert", msg="db1 is not a sandbox."))
    assert reader.failure is not None
    assert reader.failure.text() == "db1 is not a sandbox."


def test_ignored_failure_is_none() -> None:
    reader, _seen = read(event("runner_on_failed", task="t", host="h", res={"msg": "x"}, ignore_errors=True))
    assert reader.failure is None


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"msg": "\x1b[0;31mno\x1b[0m space\r\n"}, "no space"),
        ({"msg": "non-zero return code", "stderr": "P00  ERROR: [029]"}, "non-zero return code: P00  ERROR: [029]"),
        ({"msg": "All items", "results": [{"msg": "fine"}, {"failed": True, "msg": "third is bad"}]}, "third is bad"),
        ({"censored": "hidden", "msg": "password123"}, "the task's output is hidden (no_log)"),
        ({"stdout": "only this"}, "only this"),
        ({}, "no message"),
    ],
)
def test_failure_message(result: dict[str, Any], message: str) -> None:
    assert failure_message(result) == message


def test_long_text_keeps_its_end() -> None:
    text = plain("x" * 5000 + "the cause")
    assert len(text) < 2100
    assert text.endswith("the cause")
