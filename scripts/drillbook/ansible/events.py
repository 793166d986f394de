"""Reads ansible-runner's events: which play began, which check or fact was reported, what failed and why."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from drillbook.ansible.playbooks import Watcher
from drillbook.model import Check, CheckStatus, Stage

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_MESSAGE_LIMIT = 2000
_HIDDEN = "the task's output is hidden (no_log)"
_SPOKEN = frozenset({"fail", "assert"})


@dataclass(frozen=True, slots=True)
class Failure:
    """A task that failed. ``spoken`` says that the message is one that a playbook's author wrote for the reader."""

    host: str
    task: str
    message: str
    spoken: bool

    def text(self) -> str:
        """The message alone where it was written for the reader, else with the task's name in front."""
        return self.message if self.spoken else f"{self.task}: {self.message}"


class EventReader:
    """Passes one playbook's events on to a watcher and remembers the failure that ended it."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._failures: list[Failure] = []

    @property
    def failure(self) -> Failure | None:
        """The cause: the first host's failure in the task that failed last (an earlier one was rescued)."""
        if not self._failures:
            return None
        last = self._failures[-1].task
        return next(failure for failure in self._failures if failure.task == last)

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Read one event."""
        kind, data = event.get("event"), event.get("event_data") or {}
        if kind == "playbook_on_play_start":
            self._watcher.play_started(str(data.get("name") or data.get("play") or ""))
        elif kind in ("runner_on_ok", "runner_item_on_ok"):
            self._reported(data.get("res") or {}, str(data.get("task") or ""))
        elif kind in ("runner_on_failed", "runner_on_unreachable") and not data.get("ignore_errors"):
            self._failed(data, unreachable=kind == "runner_on_unreachable")

    def _reported(self, result: Mapping[str, Any], task: str) -> None:
        if "drillbook_check" in result:
            self._watcher.check(_check(result["drillbook_check"], task))
        fact = result.get("drillbook_fact")
        if isinstance(fact, Mapping) and "name" in fact:
            self._watcher.fact(str(fact["name"]), fact.get("value"))

    def _failed(self, data: Mapping[str, Any], *, unreachable: bool) -> None:
        result = data.get("res") or {}
        failure = Failure(
            host=str(data.get("host") or "localhost"),
            task=str(data.get("task") or "an unnamed task"),
            message=failure_message(result, unreachable=unreachable),
            spoken=str(data.get("task_action") or "").rpartition(".")[2] in _SPOKEN,
        )
        self._failures.append(failure)
        self._watcher.task_failed(failure.host, failure.task, failure.message)


def failure_message(result: Mapping[str, Any], *, unreachable: bool = False) -> str:
    """Say in plain text what a failed task's result says; of a loop, what its first failed item says."""
    if "censored" in result:
        return _HIDDEN
    for item in _failed_items(result):
        return failure_message(item)
    parts = [str(result.get("msg") or "")]
    if "non-zero return code" in parts[0]:  # some programs, pgBackRest among them, say why on standard output
        parts.append(str(result.get("stderr") or "").strip() or str(result.get("stdout") or "").strip())
    elif not parts[0]:
        parts.append(str(result.get("stderr") or result.get("stdout") or result.get("exception") or "no message"))
    text = plain(": ".join(part for part in parts if part))
    return f"host can't be reached: {text}" if unreachable else text


def plain(text: str) -> str:
    """Take out terminal colours and bound the length, keeping the end of a long text."""
    cleaned = _ANSI.sub("", text).replace("\r", "").strip()
    return cleaned if len(cleaned) <= _MESSAGE_LIMIT else f"... {cleaned[-_MESSAGE_LIMIT:]}"


def _failed_items(result: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    results = result.get("results")
    if isinstance(results, list):
        yield from (item for item in results if isinstance(item, Mapping) and item.get("failed"))


def _check(data: object, task: str) -> Check:
    try:
        return Check.from_event(data if isinstance(data, Mapping) else {})
    except (KeyError, ValueError) as error:
        return Check(
            name=task or "unnamed check",
            stage=Stage.VERIFY,
            status=CheckStatus.FAILED,
            message=f"the check can't be read: {error}",
            remedy="Give drillbook_check a name and a known stage.",
        )
