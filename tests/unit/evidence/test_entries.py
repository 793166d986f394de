"""The bytes of an entry are exact, and nothing else is accepted as one."""

import json
from datetime import datetime
from typing import Any

import pytest

from drillbook.errors import EvidenceError
from drillbook.evidence.entries import (
    FIRST_PREVIOUS,
    UnknownSchemaError,
    canonical_json,
    format_time,
    make_entry,
    parse_entry,
)

DOCUMENT: dict[str, Any] = {
    "schema": "drillbook.entry/1",
    "sequence": 1,
    "kind": "opened",
    "run_id": "run-1",
    "written_at": "2026-11-21T06:00:00.000000Z",
    "previous_sha256": FIRST_PREVIOUS,
    "body": {"b": 1, "a": "grün"},
}


def test_bytes_are_sorted_indented_utf8_with_a_newline() -> None:
    assert (
        canonical_json({"b": [1, None], "a": "grün"})
        == '{\n  "a": "grün",\n  "b": [\n    1,\n    null\n  ]\n}\n'.encode()
    )


def test_an_entry_reads_back() -> None:
    entry = parse_entry(canonical_json(DOCUMENT), where="x")
    again = make_entry(
        sequence=1,
        kind="opened",
        run_id="run-1",
        written_at=entry.written_at,
        previous_sha256=FIRST_PREVIOUS,
        body=entry.body,
    )
    assert again == entry
    assert entry.name == "000001-opened"


@pytest.mark.parametrize(
    "change",
    [
        {"sequence": 0},
        {"sequence": True},
        {"sequence": "1"},
        {"kind": "reopened"},
        {"run_id": ""},
        {"run_id": 7},
        {"previous_sha256": "0" * 63},
        {"previous_sha256": "A" * 64},
        {"previous_sha256": "0" * 64 + "\n"},
        {"body": []},
        {"written_at": "yesterday"},
        {"written_at": "2026-11-21T06:00:00"},
        {"extra": 1},
    ],
)
def test_a_wrong_field_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(EvidenceError):
        parse_entry(canonical_json({**DOCUMENT, **change}), where="x")


def test_a_missing_field_is_named() -> None:
    without = {key: value for key, value in DOCUMENT.items() if key != "run_id"}
    with pytest.raises(EvidenceError, match="run_id"):
        parse_entry(canonical_json(without), where="x")


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]\n", b"{", b"nonsense", b"[" * 100_000])
def test_what_is_not_a_json_object_is_refused(content: bytes) -> None:
    with pytest.raises(EvidenceError):
        parse_entry(content, where="x")


def test_another_form_of_the_same_json_is_refused() -> None:
    with pytest.raises(EvidenceError, match="canonical"):
        parse_entry(json.dumps(DOCUMENT).encode(), where="x")


def test_a_key_given_twice_is_refused() -> None:
    content = canonical_json(DOCUMENT).replace(b'  "kind"', b'  "kind": "closed",\n  "kind"')
    with pytest.raises(EvidenceError, match="canonical"):
        parse_entry(content, where="x")


def test_another_schema_says_which() -> None:
    with pytest.raises(UnknownSchemaError, match="entry/2"):
        parse_entry(canonical_json({**DOCUMENT, "schema": "drillbook.entry/2"}), where="x")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {1, 2}])
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises(EvidenceError):
        canonical_json({"a": value})


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(EvidenceError):
        format_time(datetime(2026, 1, 1))  # noqa: DTZ001 - the naive time is what is tested
