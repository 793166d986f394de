"""What every kind of service promises, asked of each in the same words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import wanting

from drillbook.model import parse_instant

if TYPE_CHECKING:
    from tests.contract.kinds.subjects import Subject, Whole

# Longer than any of the runs takes until it declares the disaster.
FRESH_SECONDS = 60


def nothing_is_left(subject: Subject) -> bool:
    return subject.left() == [] and subject.evidence_is_whole()


def first_restorable(sets: list[dict[str, Any]]) -> str:
    """A whole service has sets of no host. A group has those of its machines, and needs one of each: they are taken one after another."""
    first: dict[str | None, str] = {}
    for one in sets:
        first[one["host"]] = min(first.get(one["host"], one["restorable_at"]), one["restorable_at"])
    return max(first.values())


def test_a_good_drill_proves_everything_and_leaves_nothing(subject: Subject) -> None:
    result = subject.drill()
    record = result.record
    # The RTO alone may be missed: that of the lab is tight, and the machine may be busy.
    assert (wanting(record), result.code) == ([], 0 if record["tracks"][0]["rto"]["met"] else 1)
    assert (record["tracks"][0]["kind"], record["error"], record["leftovers"]) == (subject.kind, None, [])
    phases = record["tracks"][0]["phases"]
    assert tuple(phase["name"] for phase in phases) == subject.phases
    spent = sum(phase["seconds"] for phase in phases) + record["tracks"][0]["unattributed_seconds"]
    assert spent == pytest.approx(record["total_seconds"], rel=0.01)
    origin = parse_instant(record["tracks"][0]["recovery_point"]["chosen"]["origin_time"], where="the record")
    declared = parse_instant(record["declared_at"], where="the record")
    assert origin < declared
    inputs = record["tracks"][0]["rpo"]["inputs"]
    assert parse_instant(inputs["newest_heartbeat_at"], where="the record") < declared
    assert 0 <= record["tracks"][0]["rpo"]["actual_seconds"] < FRESH_SECONDS
    assert record["tracks"][0]["isolated"] is True
    assert {check["stage"] for check in record["checks"]} >= {"isolation", "verify", "prove"}
    assert nothing_is_left(subject)


def test_what_can_be_restored_is_said_and_holds(subject: Subject) -> None:
    said = subject.recovery_points()
    assert said["asked"]["place"] in ("member", "provider"), said
    assert (said["kind"], said["holes"], said["left"]) == (subject.kind, [], [])
    assert all(one["usable"] for one in said["sets"])
    assert said["oldest"] == first_restorable(said["sets"]) <= said["newest"] <= said["read_at"]
    assert subject.left() == []


def test_a_damaged_backup_is_red_and_named(subject: Subject) -> None:
    with subject.damaged():
        result = subject.drill()
    assert result.code != 0
    assert result.record["verdict"] in ("FAIL", "ERROR")
    assert re.search(subject.damage_says, result.why(), re.IGNORECASE), result.why()
    assert nothing_is_left(subject)


def test_a_backup_without_a_heartbeat_is_red(whole: Whole) -> None:
    """Unknown is not met: without it nobody can tell what was lost."""
    with whole.without_heartbeat():
        result = whole.drill()
    assert (result.code, result.record["verdict"]) == (1, "FAIL")
    assert any("heartbeat found" in name for name in result.failed()), result.why()
    assert nothing_is_left(whole)


def test_data_that_is_too_old_misses_the_rpo_whatever_its_backup_is_dated(subject: Subject) -> None:
    with subject.too_old():
        result = subject.drill()
    rpo = result.record["tracks"][0]["rpo"]
    assert (result.code, result.record["verdict"], result.failed()) == (1, "FAIL", []), "what is in it is whole"
    assert rpo["met"] is False
    assert rpo["actual_seconds"] > rpo["objective_seconds"]
    assert nothing_is_left(subject)


def test_a_point_before_the_first_backup_is_an_error_that_says_so(subject: Subject) -> None:
    result = subject.drill("time=2020-01-01T00:00:00Z")
    assert (result.code, result.record["verdict"]) == (3, "ERROR")
    assert "before" in result.why()
    assert nothing_is_left(subject)


def test_a_restore_in_place_wants_the_exact_name(subject: Subject) -> None:
    result = subject.restore(confirm=subject.group.rpartition("_")[2] + "x")
    assert result.code == 2
    assert f"--confirm {subject.group}" in result.record["error"]["message"]


def test_a_restore_in_place_with_the_exact_name_brings_it_back(whole: Whole) -> None:
    result = whole.restore(confirm=whole.group)
    record = result.record
    assert (wanting(record), result.code) == ([], 0)
    assert record["mode"] == "in_place"
    assert 0 <= record["tracks"][0]["rpo"]["actual_seconds"] < FRESH_SECONDS
    assert nothing_is_left(whole)
