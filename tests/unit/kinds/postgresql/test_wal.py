"""A hole in the archive is found by names alone, along the line of timelines that a recovery takes."""

from __future__ import annotations

import pytest

from drillbook.kinds.postgresql.wal import Archive, Segment, check_continuity, parse_lsn

SHA = "0" * 40


def listing(*names: str) -> dict[str, dict[str, object]]:
    return {f"17-1/{name[:16]}/{name}-{SHA}.zst": {"type": "file", "size": 1, "time": 1} for name in names}


def names(timeline: int, first: int, last: int) -> list[str]:
    return [Segment(timeline, number).name() for number in range(first, last + 1)]


def test_a_name_is_read_and_written_back() -> None:
    segment = Segment.parse("0000000200000001000000FF")
    assert segment == Segment(2, 511)
    assert segment.name() == "0000000200000001000000FF"


@pytest.mark.parametrize(
    "name", ["", "00000002.history", "0000000200000001000000FG", "0000000200000001000000FF.partial"]
)
def test_what_is_no_segment_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a WAL segment"):
        Segment.parse(name)


def test_an_unbroken_archive() -> None:
    archive = Archive.parse(listing(*names(1, 2, 9)), {})
    found = check_continuity(archive, Segment(1, 4), 1)
    assert found.unbroken
    assert (found.first, found.last, found.expected) == (Segment(1, 4).name(), Segment(1, 9).name(), 6)


@pytest.mark.parametrize("missing", [5, 8])
def test_a_hole_is_named(missing: int) -> None:
    kept = [name for name in names(1, 2, 9) if name != Segment(1, missing).name()]
    assert check_continuity(Archive.parse(listing(*kept), {}), Segment(1, 4), 1).missing == (
        Segment(1, missing).name(),
    )


def test_a_missing_first_segment_is_a_hole() -> None:
    assert check_continuity(Archive.parse(listing(*names(1, 5, 9)), {}), Segment(1, 4), 1).missing == (
        Segment(1, 4).name(),
    )


def test_a_missing_tail_matters_when_the_target_lies_behind_it() -> None:
    archive = Archive.parse(listing(*names(1, 2, 9)), {})
    assert check_continuity(archive, Segment(1, 4), 1, end=10).missing == (Segment(1, 10).name(),)


def branched(*kept: str) -> Archive:
    """Timeline 2 left timeline 1 in segment 6."""
    histories = {"17-1/00000002.history": "1\t0/6000100\tno recovery target specified\n"}
    listed = {**listing(*kept), "17-1/00000002.history": {"type": "file", "time": 500}}
    return Archive.parse(listed, histories)


def test_a_line_across_a_branch_takes_the_new_timelines_file_at_the_switch() -> None:
    archive = branched(*names(1, 2, 9), *names(2, 6, 8))
    assert check_continuity(archive, Segment(1, 4), 2).unbroken
    assert check_continuity(archive, Segment(1, 4), 2).last == Segment(2, 8).name()


def test_the_old_timelines_file_does_not_fill_a_hole_behind_the_branch() -> None:
    archive = branched(*names(1, 2, 9), Segment(2, 6).name(), Segment(2, 8).name())
    assert check_continuity(archive, Segment(1, 4), 2).missing == (Segment(2, 7).name(),)


def test_the_old_timeline_is_still_whole_by_itself() -> None:
    archive = branched(*names(1, 2, 9), *names(2, 6, 8))
    assert check_continuity(archive, Segment(1, 4), 1).last == Segment(1, 9).name()


def test_a_location_behind_the_branch_is_not_on_the_new_line() -> None:
    archive = branched(*names(1, 2, 9))
    assert archive.contains(2, 1, parse_lsn("0/6000000"))
    assert not archive.contains(2, 1, parse_lsn("0/7000000"))
    assert archive.timelines == (1, 2)
    assert archive.appeared == {2: 500.0}
