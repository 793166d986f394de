"""Set and timeline are always named; a target that nothing serves is refused with the reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from drillbook.kinds.postgresql.recovery_point import (
    RecoveryPointError,
    archived_until,
    choose,
    refuse_holes,
    server_version,
)
from drillbook.kinds.postgresql.wal import Archive, Segment

SHA = "0" * 40


def seconds(clock: str) -> int:
    return int(datetime.fromisoformat(f"2026-01-01T{clock}:00").replace(tzinfo=UTC).timestamp())


def backup(label: str, segment: Segment, stop: str, *, error: bool = False, system: int = 1) -> dict[str, Any]:
    return {
        "label": label,
        "type": "full",
        "error": error,
        "database": {"id": system, "repo-key": 1},
        "archive": {"start": segment.name(), "stop": segment.name()},
        "lsn": {"start": f"0/{segment.number:X}000028", "stop": f"0/{segment.number:X}000100"},
        "timestamp": {"start": seconds(stop) - 60, "stop": seconds(stop)},
        "info": {"size": 1_000_000, "delta": 1_000_000, "repository": {"delta": 100_000}},
    }


def information(*sets: dict[str, Any], systems: int = 1) -> list[dict[str, Any]]:
    return [{"name": "main", "backup": list(sets), "db": [{"id": n + 1} for n in range(systems)], "status": {}}]


ONE = backup("one", Segment(1, 2), "10:00")
TWO = backup("two", Segment(1, 4), "11:00")
THREE = backup("three", Segment(2, 8), "13:00")


def archive() -> Archive:
    """Timeline 2 left timeline 1 in segment 6 at 12:00."""
    kept = [Segment(1, number) for number in range(1, 10)] + [Segment(2, number) for number in range(6, 10)]
    listing: dict[str, Any] = {f"17-1/x/{segment.name()}-{SHA}.zst": {"time": 1} for segment in kept}
    listing["17-1/00000002.history"] = {"time": seconds("12:00")}
    return Archive.parse(listing, {"17-1/00000002.history": "1\t0/6000100\tbefore 2026\n"})


@pytest.mark.parametrize(
    ("request_", "label", "timeline"),
    [
        ({"type": "latest"}, "three", 2),
        ({"type": "immediate"}, "three", 2),
        ({"type": "oldest"}, "one", 2),
        ({"type": "time", "target": "2026-01-01 10:30:00.000000+00"}, "one", 1),
        ({"type": "time", "target": "2026-01-01 11:30:00.000000+00"}, "two", 1),
        ({"type": "time", "target": "2026-01-01 12:30:00.000000+00"}, "two", 2),
        ({"type": "time", "target": "2026-01-01 13:30:00.000000+00"}, "three", 2),
        ({"type": "lsn", "target": "0/5000000"}, "two", 2),
        ({"type": "xid", "target": "900"}, "one", 2),
        ({"type": "name", "target": "before-release"}, "one", 2),
        ({"type": "xid", "target": "900", "set": "two", "timeline": 1}, "two", 1),
        ({"type": "latest", "timeline": 1}, "two", 1),
    ],
)
def test_set_and_timeline(request_: dict[str, Any], label: str, timeline: int) -> None:
    point = choose(information(ONE, TWO, THREE), archive(), "main", request_)
    assert (point.set.label, point.timeline) == (label, timeline)
    assert f"target-timeline={timeline}" in point.options()[-1].replace("_", "-")


@pytest.mark.parametrize("kind", ["immediate", "oldest", "random"])
def test_the_end_of_a_backup_names_its_timeline_to_postgresql_itself(kind: str) -> None:
    """With --type=immediate pgBackRest refuses --target-timeline ([031])."""
    options = choose(information(ONE, TWO, THREE), archive(), "main", {"type": kind}).options()
    assert options == ["--type=immediate", "--target-action=promote", "--recovery-option=recovery_target_timeline=2"]


def restored_to_a_target() -> Archive:
    """Timeline 1 was given up: a restore to the time 10:30, in segment 3, began timeline 2 at 12:00."""
    kept = [Segment(1, number) for number in range(1, 10)] + [Segment(2, number) for number in range(3, 10)]
    listing: dict[str, Any] = {f"17-1/x/{segment.name()}-{SHA}.zst": {"time": 1} for segment in kept}
    listing["17-1/00000002.history"] = {"time": seconds("12:00")}
    return Archive.parse(listing, {"17-1/00000002.history": "1\t0/3000100\tbefore 2026-01-01 10:30:00+00\n"})


@pytest.mark.parametrize(
    ("request_", "label", "timeline"),
    [
        ({"type": "latest"}, "one", 2),
        ({"type": "immediate"}, "one", 2),
        ({"type": "time", "target": "2026-01-01 12:30:00.000000+00"}, "one", 2),
        ({"type": "time", "target": "2026-01-01 11:30:00.000000+00"}, "two", 1),
        ({"type": "latest", "set": "two"}, "two", 1),
    ],
)
def test_a_set_on_the_branch_that_was_given_up_is_not_taken_for_the_present(
    request_: dict[str, Any], label: str, timeline: int
) -> None:
    """Before the fresh backup after a restore, the newest set still belongs to the state that was undone."""
    point = choose(information(ONE, TWO), restored_to_a_target(), "main", request_)
    assert (point.set.label, point.timeline) == (label, timeline)


def failed_over() -> Archive:
    """Timeline 2 went on at 12:00 where timeline 1 ended, in the middle of segment 6, which only timeline 2 archived."""
    kept = [Segment(1, number) for number in range(1, 6)] + [Segment(2, number) for number in range(6, 10)]
    listing: dict[str, Any] = {f"17-1/x/{segment.name()}-{SHA}.zst": {"time": 1} for segment in kept}
    listing["17-1/00000002.history"] = {"time": seconds("12:00")}
    return Archive.parse(listing, {"17-1/00000002.history": "1\t0/6000100\tno recovery target specified\n"})


@pytest.mark.parametrize("clock", ["10:30", "11:59", "12:30"])
def test_a_failover_needs_the_new_timeline_also_for_the_moments_before_it(clock: str) -> None:
    target = f"2026-01-01 {clock}:00.000000+00"
    assert choose(information(ONE, TWO), failed_over(), "main", {"type": "time", "target": target}).timeline == 2


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"type": "time", "target": "2026-01-01 09:00:00.000000+00"}, "before the end of the first backup set"),
        ({"type": "lsn", "target": "0/100"}, "before the end of the first backup set"),
        ({"type": "latest", "set": "four"}, "no usable backup set four"),
        ({"type": "latest", "set": "three", "timeline": 1}, "does not lie on the line"),
    ],
)
def test_refusals(request_: dict[str, Any], message: str) -> None:
    with pytest.raises(RecoveryPointError, match=message) as refused:
        choose(information(ONE, TWO, THREE), archive(), "main", request_)
    assert refused.value.remedy


def test_an_empty_repository_points_to_the_buckets_versions() -> None:
    with pytest.raises(RecoveryPointError, match="no backup") as refused:
        choose([{"name": "main", "backup": [], "status": {"message": "missing stanza path"}}], archive(), "main", {})
    assert "--repository-time" in refused.value.remedy


def test_a_set_with_page_errors_or_of_an_older_system_is_not_taken() -> None:
    newest = backup("old-system", Segment(1, 5), "14:00", system=1)
    bad = backup("bad", Segment(1, 5), "14:30", error=True, system=2)
    good = backup("good", Segment(1, 4), "11:00", system=2)
    assert choose(information(good, newest, bad, systems=2), archive(), "main", {}).set.label == "good"


def test_random_is_repeatable_by_its_seed() -> None:
    labels = {
        choose(information(ONE, TWO), archive(), "main", {"type": "random"}, f"run-{n}").set.label for n in range(20)
    }
    assert labels == {"one", "two"}
    same = [choose(information(ONE, TWO), archive(), "main", {"type": "random"}, "run-1").set.label for _ in range(3)]
    assert len(set(same)) == 1


def test_the_disk_prediction_holds_data_and_wal() -> None:
    predicted = choose(information(ONE), archive(), "main", {"type": "latest"}).predicted()
    assert predicted["bytes"] == 1_000_000
    assert predicted["disk_bytes"] == int(1_000_000 * 1.1) + 8 * 16 * 1024 * 1024


def test_what_came_after_the_simulated_disaster_is_not_seen() -> None:
    listing: dict[str, Any] = {
        f"17-1/x/{Segment(1, number).name()}-{SHA}.zst": {"time": seconds(clock)}
        for number, clock in ((2, "09:59"), (3, "10:20"), (4, "10:40"), (5, "11:20"))
    }
    until = "2026-01-01T10:45:00.000Z"
    seen = Archive.parse(archived_until(listing, until), {})
    point = choose(information(ONE, TWO), seen, "main", {"type": "latest", "until": until})
    assert (point.set.label, point.last_segment, point.until) == ("one", Segment(1, 4).name(), until)
    assert point.as_json()["last_segment"] == Segment(1, 4).name()
    everything = choose(
        information(ONE, TWO), Archive.parse(archived_until(listing, None), {}), "main", {"type": "latest"}
    )
    assert (everything.set.label, everything.last_segment) == ("two", Segment(1, 5).name())


def test_a_disaster_before_the_first_backup_is_refused() -> None:
    with pytest.raises(RecoveryPointError, match="was finished by 2026-01-01T09:00"):
        choose(information(ONE), archive(), "main", {"type": "latest", "until": "2026-01-01T09:00:00.000Z"})


def test_the_version_is_that_of_the_newest_system() -> None:
    upgraded = {**information(ONE)[0], "db": [{"id": 2, "version": "17"}, {"id": 1, "version": "15"}]}
    assert server_version([{"name": "other", "db": []}, upgraded], "main") == "17"


def broken(*missing: int) -> Archive:
    """One timeline with segments 1 to 9 but these."""
    kept = [Segment(1, number) for number in range(1, 10) if number not in missing]
    return Archive.parse({f"17-1/x/{segment.name()}-{SHA}.zst": {"time": 1} for segment in kept}, {})


@pytest.mark.parametrize(
    ("request_", "missing"),
    [
        ({"type": "latest"}, 6),
        ({"type": "time", "target": "2026-01-01 11:30:00.000000+00"}, 6),
        ({"type": "xid", "target": "900", "set": "two"}, 6),
        ({"type": "lsn", "target": "0/7000000"}, 6),
        ({"type": "lsn", "target": "0/6000100"}, 6),
        ({"type": "immediate"}, 4),
    ],
)
def test_a_hole_before_the_point_is_refused_by_name(request_: dict[str, Any], missing: int) -> None:
    point = choose(information(ONE, TWO), broken(missing), "main", request_)
    first = Segment(1, missing).name()
    with pytest.raises(RecoveryPointError, match=f"1 WAL segment.* {first} first") as caught:
        refuse_holes(point, None)
    assert f"--accept-hole {first}" in caught.value.remedy
    with pytest.raises(RecoveryPointError):
        refuse_holes(point, Segment(1, missing + 1).name())
    refuse_holes(point, first)


@pytest.mark.parametrize(
    "request_", [{"type": "immediate"}, {"type": "oldest"}, {"type": "lsn", "target": "0/5000100"}]
)
def test_a_hole_behind_the_point_is_none(request_: dict[str, Any]) -> None:
    point = choose(information(ONE, TWO), broken(6), "main", request_)
    assert point.holes == ()
    refuse_holes(point, None)
