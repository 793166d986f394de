"""Phases from plays' names, recovery points, times and checks from text."""

from datetime import UTC, datetime
from typing import Any

import pytest

from drillbook.errors import ConfigurationError
from drillbook.model import (
    Check,
    CheckStatus,
    Phase,
    PointRequest,
    PointType,
    format_instant,
    parse_instant,
    phase_of_play,
)


@pytest.mark.parametrize(
    ("name", "phase"),
    [
        ("(3/8) transfer: Restore the backup set", Phase.TRANSFER),
        ("(1/1) teardown: Remove it", Phase.TEARDOWN),
        ("(3/8) lunch: Eat", None),
        ("transfer: no number", None),
        ("x (3/8) transfer: not at the start", None),
        ("", None),
    ],
)
def test_phase_is_read_from_the_plays_name(name: str, phase: Phase | None) -> None:
    assert phase_of_play(name) is phase


@pytest.mark.parametrize("text", ["yesterday", "2026-01-31", "2026-01-31T12:00:00", ""])
def test_time_without_an_offset_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="not a time with an offset"):
        parse_instant(text, where="a test")


def test_times_are_utc_in_and_out() -> None:
    moment = parse_instant("2026-01-31T13:00:00.5+01:00", where="a test")
    assert moment == datetime(2026, 1, 31, 12, 0, 0, 500000, tzinfo=UTC)
    assert format_instant(moment) == "2026-01-31T12:00:00.500Z"


@pytest.mark.parametrize(
    ("text", "kind", "target"),
    [
        ("latest", PointType.LATEST, None),
        ("lsn=0/3000000", PointType.LSN, "0/3000000"),
        ("name=before=after", PointType.NAME, "before=after"),
        ("time=2026-01-31T13:00:00+01:00", PointType.TIME, "2026-01-31T12:00:00.000000Z"),
    ],
)
def test_points(text: str, kind: PointType, target: str | None) -> None:
    point = PointRequest.parse(text)
    assert point.type is kind
    assert point.as_variables()["target"] == target


@pytest.mark.parametrize("text", ["newest", "time", "time=", "time=noon", "lsn", "latest=3", ""])
def test_bad_points_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        PointRequest.parse(text)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"passed": True}, CheckStatus.PASSED),
        ({"passed": False}, CheckStatus.FAILED),
        ({"passed": "yes"}, CheckStatus.FAILED),
        ({}, CheckStatus.FAILED),
        ({"skipped": True, "passed": True}, CheckStatus.SKIPPED),
        ({"status": "skipped"}, CheckStatus.SKIPPED),
    ],
)
def test_a_check_must_say_that_it_is_green(data: dict[str, Any], status: CheckStatus) -> None:
    check = Check.from_event({"name": "x", "stage": "verify", "expected": 3, "actual": None, **data})
    assert (check.status, check.expected, check.actual) == (status, "3", "")
