"""What others wrote is either read, or one error; and what is shown or recorded obeys nobody."""

import json
import math
from typing import Any

import pytest
from tests.support.hostile import ODD, deep, documents

from drillbook.errors import DrillbookError, InfrastructureError, MalformedDataError
from drillbook.model import Check, CheckStatus, Heartbeat, Stage
from drillbook.sanitize import sanitized, sanitized_json
from drillbook.untrusted import read_object

GOOD = {
    "service": "main",
    "host": "db1",
    "counter": 7,
    "written_at": "2026-01-31T12:00:00Z",
    "published_at": "2026-01-31T12:00:01Z",
    "last_modified": "2026-01-31T12:00:01.5Z",
}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "no JSON"),
        (b"\xff{}", "no JSON"),
        ("[]", "no object"),
        ("null", "no object"),
        ("3", "no object"),
        ('"x"', "no object"),
        ('{"a": Infinity}', "infinite"),
        ('{"a": 1e999}', "infinite"),
        ('{"a": NaN}', "infinite"),
        ('{"a": "\\ud800"}', "half a character"),
        ('{"\\ud800": 1}', "half a character"),
        ('{"a": 1, "a": 2}', "no JSON"),
        ('{"a": ' + "[" * 40 + "]" * 40 + "}", "32 levels"),
        ('{"a": ' + "[" * 30_000, "no JSON"),
        ('{"a": ' + "9" * 5000 + "}", "no JSON"),
        ('{"a": "' + "x" * 70_000 + '"}', "larger than 65536"),
    ],
)
def test_what_is_odd_is_one_error(content: str | bytes, why: str) -> None:
    with pytest.raises(MalformedDataError, match=why):
        read_object(content, where="a test")


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("key", ["host", "counter", "written_at", "published_at", "last_modified"])
def test_each_value_of_a_heartbeat_is_looked_at(key: str, value: Any) -> None:
    try:
        beat = Heartbeat.from_fact({**GOOD, key: value})
    except MalformedDataError:
        return
    assert 0 <= beat.counter < 2**63
    assert beat.written_at.year >= 2000
    assert len(beat.host) < 256


@pytest.mark.parametrize("data", [None, [], "x", 3, {}, {**GOOD, "counter": None}, {**GOOD, "counter": "-1"}])
def test_what_is_no_heartbeat_is_malformed(data: Any) -> None:
    with pytest.raises(MalformedDataError):
        Heartbeat.from_fact(data)


def test_a_thousand_broken_heartbeats_are_read_or_refused() -> None:
    read = 0
    for text in documents(GOOD, seed=20):
        try:
            Heartbeat.from_fact(read_object(text, where="a test"))
        except MalformedDataError as error:
            json.dumps(str(error), ensure_ascii=False).encode()
        else:
            read += 1
    assert read < 500, "most of them are broken"


def test_text_obeys_nobody_and_can_be_written() -> None:
    assert sanitized("\x1b[31mred\x1b[0m\r\n\x1b]0;title\x07\ud800\u202e ok\tü\n") == "red\n�]0;title��� ok\tü\n"


@pytest.mark.parametrize("value", [*ODD, deep(5000), {1: {2: object()}}])
def test_any_value_can_be_recorded(value: Any) -> None:
    text = json.dumps(sanitized_json({"value": value}), allow_nan=False, ensure_ascii=False)
    assert "\x1b" not in text
    text.encode()


def test_what_is_sound_stays_as_it_is() -> None:
    value = {"a": [1, -2.5, True, None, "ü\n"], "b": {"c": "x"}}
    assert sanitized_json(value) == value
    assert math.isclose(sanitized_json(0.1), 0.1)


def test_errors_and_checks_are_sanitized_where_they_are_made() -> None:
    error = InfrastructureError("\x1b[2Jgone", where="\ud800", remedy="a\u202eb")
    assert (error.message, error.where, error.remedy) == ("gone", "�", "a�b")
    assert str(error) == "gone (in �). a�b"
    assert issubclass(MalformedDataError, DrillbookError)
    check = Check("a\x1b[2J", Stage.VERIFY, CheckStatus.FAILED, "\ud800", "\x07", "x" * 5000, "\x00")
    assert (check.name, check.expected, check.actual, check.remedy) == ("a", "�", "�", "�")
    assert len(check.message) < 4100


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (["app", "drillbook"], "app, drillbook"),
        (False, "no"),
        (True, "yes"),
        ([], "none"),
        ({"a": 1}, "a: 1"),
        (None, ""),
        (3, "3"),
    ],
)
def test_what_a_playbook_hands_over_is_told_in_words(value: Any, text: str) -> None:
    check = Check.from_event({"name": "x", "stage": "verify", "passed": True, "actual": value})
    assert check.actual == text


def test_the_notices_of_a_tool_are_no_message_of_a_check_that_passed() -> None:
    said = {"name": "amcheck", "stage": "prove", "message": 'NOTICE:  extension "amcheck" already exists, skipping'}
    assert Check.from_event({**said, "passed": True}).message == ""
    assert "NOTICE" in Check.from_event({**said, "passed": False}).message
