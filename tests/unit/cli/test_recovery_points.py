"""What `drillbook recovery-points` prints, and its exit codes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from drillbook.cli.main import app
from drillbook.model import Asked, Catalog, CatalogSet, CatalogTimeline, Hole, RecoveryPoints

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
LATER = datetime(2026, 1, 31, 13, 0, 30, tzinfo=UTC)
SEGMENTS = ("0000000100000000000000A1", "0000000100000000000000A4")
HOLE = Hole(missing=SEGMENTS, count=4, timeline=1, after=LATER, until=None, meaning="take a backup now")
SETS = (
    CatalogSet("20260131F", "full", NOON, NOON, timeline=1, original_bytes=5 * 2**30, stored_bytes=700, encrypted=True),
    CatalogSet("20260131I", "incr", LATER, timeline=1, encrypted=False, fault="WAL is missing"),
)
ANSWER = RecoveryPoints(
    service="main",
    kind="postgresql",
    asked=Asked("sandbox", "sandbox1", ("member db1: no answer",)),
    read_at=LATER,
    catalog=Catalog(
        SETS, (HOLE,), (CatalogTimeline(1, None, "", SEGMENTS[0], LATER),), NOON, LATER, "as the store says"
    ),
)


class Opened:
    """In the place of the application: it has the answer."""

    def __init__(self, answer: RecoveryPoints) -> None:
        self._answer = answer
        self.configuration = self

    def service(self, name: str) -> str:
        return name

    def recovery_points(
        self, service: str, *, where: str, repository_time: datetime | None, tell: Callable[[str], None]
    ) -> RecoveryPoints:
        tell(f"asking {service}, {where}")
        return replace(self._answer, repository_time=repository_time)


def said(monkeypatch: pytest.MonkeyPatch, answer: RecoveryPoints, *options: str) -> tuple[int, str, str]:
    monkeypatch.setattr("drillbook.cli.recovery_points.open_app", lambda _inventories: Opened(answer))
    result = CliRunner().invoke(app, ["recovery-points", "main", *options])
    return result.exit_code, result.stdout, result.stderr


def test_the_text_says_who_was_asked_the_moments_and_the_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, err = said(monkeypatch, ANSWER, "--from", "sandbox")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert code == 0
    assert "asking main, sandbox" in err
    for line in (
        "asked sandbox sandbox1 (made for it, and removed)",
        "not answered member db1: no answer",
        "oldest moment 2026-01-31T12:00:00.000Z",
        "newest moment 2026-01-31T13:00:30.000Z",
        "20260131F 1 full 2026-01-31T12:00:00.000Z 5.0 GiB 700 B yes yes",
        "20260131I 1 incr 2026-01-31T13:00:30.000Z - - NO NO: WAL is missing",
        f"{SEGMENTS[0]} to {SEGMENTS[1]} 4 2026-01-31T13:00:30.000Z - take a backup now",
    ):
        assert line in lines, out


def test_the_moment_that_was_asked_about_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    _code, out, _err = said(monkeypatch, ANSWER, "--repository-time", "2026-01-31T14:00:30+01:00")
    assert "as it was at 2026-01-31T13:00:30.000Z" in [" ".join(line.split()) for line in out.splitlines()]


def test_json_has_utc_times_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _err = said(monkeypatch, ANSWER, "--json")
    answer: dict[str, Any] = json.loads(out)
    assert code == 0
    assert answer["asked"] == {"place": "sandbox", "name": "sandbox1", "instead_of": ["member db1: no answer"]}
    assert (answer["oldest"], answer["newest"]) == ("2026-01-31T12:00:00.000Z", "2026-01-31T13:00:30.000Z")
    assert (answer["sets"][0]["original_bytes"], answer["sets"][1]["usable"]) == (5 * 2**30, False)
    assert (answer["holes"][0]["count"], answer["holes"][0]["until"]) == (4, None)
    assert answer["timelines"][0]["last"] == SEGMENTS[0]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (ANSWER, 0),
        (replace(ANSWER, catalog=Catalog()), 1),
        (replace(ANSWER, left=("machine lab: x",)), 4),
        (replace(ANSWER, catalog=Catalog(), left=("machine lab: x",)), 4),
    ],
)
def test_exit_codes(monkeypatch: pytest.MonkeyPatch, answer: RecoveryPoints, code: int) -> None:
    found, out, err = said(monkeypatch, answer)
    assert (found, "nothing can be restored" in out) == (code, not answer.catalog.restorable)
    assert ("drillbook drill clean" in err) is bool(answer.left)
