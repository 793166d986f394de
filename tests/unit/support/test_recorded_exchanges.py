"""The test server against a real one: 96 exchanges recorded from pve-manager 9.0.11, made again in the same order."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests
from tests.support.proxmox import ProxmoxServer
from tests.support.proxmox.recorded import NODE, PASSWORD, alike, exchanges, name_of, recorded_state, shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Answers with nothing measured or invented in them: these are the recorded ones to the letter.
EXACT = (0, 3, 7, 8, 10, 18, 22, 23, 24, 26, 28, 29, 31, 32, 33, 35, 36, 37, 38, 39, 40, 41, 42, 43, 46, 63)
TASK_TIMEOUT_SECONDS = 20
TIMES = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


class Replay:
    """Makes the recorded calls again and keeps the answers."""

    def __init__(self, server: ProxmoxServer) -> None:
        self._base = f"{server.url}/api2/json"
        self._ca = server.ca
        login = self._send("POST", "/access/ticket", {"username": "root@pam", "password": PASSWORD}, {}).json()["data"]
        self._ticket = {"Cookie": f"PVEAuthCookie={login['ticket']}"}
        self._root = {**self._ticket, "CSRFPreventionToken": login["CSRFPreventionToken"]}
        self._tokens = {"no ticket": {}, "bad password": {}, "no CSRF": self._ticket}
        self._tokens["bad token"] = {"Authorization": "PVEAPIToken=root@pam!drill=00000000-0000-0000-0000-000000000000"}

    def _send(self, method: str, path: str, parameters: dict[str, Any], headers: dict[str, str]) -> requests.Response:
        place = {"params" if method in {"GET", "DELETE"} else "data": parameters}
        return requests.request(method, self._base + path, headers=headers, verify=self._ca, timeout=30, **place)  # type: ignore[arg-type] # the keyword is one of two

    def make(self, exchange: dict[str, Any]) -> tuple[requests.Response, dict[str, Any] | None]:
        """Make one call; returns its answer and what became of the task that it started."""
        headers = self._tokens.get(exchange["note"], self._root)
        answer = self._send(exchange["method"], exchange["path"], exchange["params"], headers)
        if "task" not in exchange:
            return answer, None
        upid = answer.json()["data"]
        deadline = time.monotonic() + TASK_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            status = self._send("GET", f"/nodes/{NODE}/tasks/{upid}/status", {}, self._root).json()["data"]
            if status["status"] == "stopped":
                log = self._send("GET", f"/nodes/{NODE}/tasks/{upid}/log", {"limit": 0}, self._root).json()["data"]
                return answer, {"status": status, "log": [line["t"] for line in log]}
            time.sleep(0.01)
        raise TimeoutError(upid)


@pytest.fixture(scope="module")
def replayed() -> Iterator[list[tuple[requests.Response, dict[str, Any] | None]]]:
    """The answers to all recorded calls, made once in their order."""
    with ProxmoxServer(recorded_state()) as server:
        replay = Replay(server)
        yield [replay.make(exchange) for exchange in exchanges()]


NUMBERS = range(len(exchanges()))
REFUSALS = [number for number in NUMBERS if exchanges()[number]["status"] != 200]
ANSWERS = [number for number in NUMBERS if exchanges()[number]["status"] == 200]
TASKS = [number for number in NUMBERS if "task" in exchanges()[number]]


def each(numbers: Iterable[int]) -> pytest.MarkDecorator:
    """Run a test for each of these exchanges, under its name."""
    return pytest.mark.parametrize("number", [pytest.param(number, id=name_of(number)) for number in numbers])


def test_there_are_96_exchanges() -> None:
    assert len(exchanges()) == 96
    assert (len(REFUSALS), len(ANSWERS), len(TASKS)) == (24, 72, 16)


@each(NUMBERS)
def test_status_and_reason_are_the_recorded_ones(number: int, replayed: list[tuple[requests.Response, Any]]) -> None:
    answer, recorded = replayed[number][0], exchanges()[number]
    assert (answer.status_code, answer.reason) == (recorded["status"], recorded["reason"])
    assert answer.headers.get("Content-Type") == recorded["content_type"]


@each(REFUSALS)
def test_refusals_have_the_recorded_body(number: int, replayed: list[tuple[requests.Response, Any]]) -> None:
    answer, recorded = replayed[number][0], exchanges()[number]
    assert (answer.json() if recorded["body"] else answer.text) == recorded["body"]


@each(ANSWERS)
def test_answers_have_the_recorded_shape(number: int, replayed: list[tuple[requests.Response, Any]]) -> None:
    answer, recorded = replayed[number][0], exchanges()[number]
    assert shape(alike(answer.json(), recorded["body"])) == shape(recorded["body"])


@each(EXACT)
def test_some_answers_are_the_recorded_ones(number: int, replayed: list[tuple[requests.Response, Any]]) -> None:
    assert _unordered(replayed[number][0].json()) == _unordered(exchanges()[number]["body"])


def _unordered(value: Any) -> Any:
    """Leave out checksums, and the order of lists, which is a hash's in the recording."""
    if isinstance(value, dict):
        return {key: _unordered(entry) for key, entry in value.items() if key != "digest"}
    if isinstance(value, list):
        return sorted((_unordered(entry) for entry in value), key=lambda entry: json.dumps(entry, sort_keys=True))
    return value


@each(TASKS)
def test_tasks_end_as_recorded(number: int, replayed: list[tuple[requests.Response, dict[str, Any] | None]]) -> None:
    task, recorded = replayed[number][1], exchanges()[number]["task"]
    assert task is not None
    assert task["status"]["exitstatus"] == recorded["status"]["exitstatus"]
    assert shape(task["status"]) == shape(recorded["status"])
    if recorded["log"][-1].startswith("TASK"):  # one recorded log is cut off after 50 lines
        assert task["log"][-1] == recorded["log"][-1]
    if recorded["status"]["exitstatus"] != "OK":
        assert [_plain(line) for line in task["log"]] == [_plain(line) for line in recorded["log"]]


def _plain(line: str) -> str:
    """Leave out times, and the order of a command's options, which is a hash's in the recording."""
    line = TIMES.sub("TIME", line)
    return " ".join(sorted(line.split())) if "starting new backup job" in line else line
