"""What a pgBackRest repository can restore: sets, moments, timelines and holes, from its own answers alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.kinds.postgresql.test_recovery_point import SHA, backup, information, seconds

from drillbook.errors import ConfigurationError, InfrastructureError
from drillbook.kinds.postgresql.catalog import read_catalog
from drillbook.kinds.postgresql.wal import Segment
from drillbook.model import Catalog, format_instant

DATA = Path(__file__).parent / "data"
ONE = backup("one", Segment(1, 2), "10:00")
TWO = backup("two", Segment(1, 6), "11:00")
THREE = backup("three", Segment(2, 10), "13:00")
BRANCH = {"17-1/00000002.history": "1\t0/8000100\tno recovery target specified\n"}


def clock(number: int) -> str:
    """Segment n was archived n minutes behind 10:30."""
    return f"10:{30 + number}"


def listing(*kept: tuple[int, int], missing: tuple[int, ...] = (), system: str = "17-1") -> dict[str, Any]:
    """Segments ``first`` to ``last`` of each timeline, counted from 1."""
    return {
        f"{system}/x/{Segment(timeline, number).name()}-{SHA}.zst": {"type": "file", "time": seconds(clock(number))}
        for timeline, (first, last) in enumerate(kept, start=1)
        for number in range(first, last + 1)
        if number not in missing
    }


def catalog(
    *sets: dict[str, Any], archive: dict[str, Any], history: dict[str, str] | None = None, systems: int = 1
) -> Catalog:
    info = information(*sets, systems=systems)
    info[0]["cipher"] = "aes-256-cbc"
    info[0]["archive"] = [{"id": f"17-{n + 1}", "database": {"id": n + 1}} for n in range(systems)]
    histories = history or {}
    dated = {path: {"type": "file", "time": seconds("12:00")} for path in histories}
    return read_catalog({"stanza": "main", "info": info, "archive": {**archive, **dated}, "history": histories})


def moments(found: Catalog) -> tuple[str | None, str | None]:
    oldest, newest = (moment and format_instant(moment)[11:16] for moment in (found.oldest, found.newest))
    return oldest, newest


@pytest.mark.parametrize(
    "info",
    [
        [],
        [{"name": "other", "backup": [ONE], "db": [{"id": 1}]}],
        [{"name": "main", "backup": [], "db": [], "status": {"code": 2}}],
    ],
)
def test_no_backup_at_all_is_nothing_and_no_error(info: list[dict[str, Any]]) -> None:
    found = read_catalog({"stanza": "main", "info": info, "archive": {}, "history": {}})
    assert (found, found.restorable) == (Catalog(), False)


def test_one_set_reaches_from_its_end_to_the_last_segment() -> None:
    found = catalog(ONE, archive=listing((2, 5)))
    assert moments(found) == ("10:00", "10:35")
    (one,) = found.sets
    assert (one.label, one.type, one.timeline, one.encrypted, one.usable) == ("one", "full", 1, True, True)
    assert (one.original_bytes, one.stored_bytes) == (1_000_000, 100_000)
    assert [(line.timeline, line.parent, line.last) for line in found.timelines] == [(1, None, Segment(1, 5).name())]
    assert found.holes == ()


def test_a_hole_ends_what_can_be_restored_until_a_set_behind_it() -> None:
    found = catalog(ONE, archive=listing((2, 9), missing=(5, 6)))
    assert moments(found) == ("10:00", "10:34"), "not beyond the hole"
    (hole,) = found.holes
    assert (hole.missing, hole.count) == ((Segment(1, 5).name(), Segment(1, 6).name()), 2)
    assert (hole.after, hole.until) == (found.newest, None)
    assert "take a backup now" in hole.meaning
    behind = backup("behind", Segment(1, 7), "10:50")
    found = catalog(ONE, behind, archive=listing((2, 9), missing=(5, 6)))
    assert moments(found) == ("10:00", "10:50"), "the set's own end is later than its segment's date"
    (hole,) = found.holes
    assert (hole.after is not None, hole.until) == (True, found.newest)
    assert "behind" in hole.meaning


def test_two_holes_are_two() -> None:
    found = catalog(ONE, archive=listing((2, 9), missing=(4, 7)))
    assert [hole.missing[0] for hole in found.holes] == [Segment(1, 4).name(), Segment(1, 7).name()]
    assert moments(found)[1] == "10:33"


def test_a_hole_before_the_oldest_set_is_no_hole() -> None:
    assert catalog(TWO, archive=listing((1, 9), missing=(3,))).holes == ()


def test_each_timeline_says_how_far_it_goes() -> None:
    found = catalog(ONE, TWO, THREE, archive=listing((2, 9), (8, 12)), history=BRANCH)
    assert [(line.timeline, line.parent, line.left_at, line.last) for line in found.timelines] == [
        (1, None, "", Segment(1, 9).name()),
        (2, 1, "0/8000100", Segment(2, 12).name()),
    ]
    assert moments(found) == ("10:00", "13:00")
    assert found.holes == ()


def test_a_hole_in_the_parent_is_told_once() -> None:
    found = catalog(ONE, archive=listing((2, 7), (8, 12), missing=(5,)), history=BRANCH)
    assert [hole.missing[0] for hole in found.holes] == [Segment(1, 5).name()]
    assert moments(found)[1] == "10:34"


def test_a_set_whose_own_wal_is_missing_or_that_has_bad_pages_is_not_usable() -> None:
    bad = backup("bad", Segment(1, 3), "10:40", error=True)
    torn = backup("torn", Segment(1, 8), "10:45")
    found = catalog(ONE, bad, torn, archive=listing((2, 9), missing=(8,)))
    assert {one.label: one.fault for one in found.sets if not one.usable} == {
        "bad": "pages of it had wrong checksums when it was taken",
        "torn": f"WAL that it needs is missing: {Segment(1, 8).name()}",
    }
    assert moments(found) == ("10:00", "10:37")


def test_sets_without_any_usable_one_restore_nothing() -> None:
    found = catalog(backup("bad", Segment(1, 3), "10:40", error=True), archive=listing((2, 9)))
    assert (moments(found), found.restorable, len(found.sets)) == ((None, None), False, 1)
    assert found.timelines[0].newest is None


def test_what_an_earlier_system_left_is_shown_and_not_counted() -> None:
    old = backup("old", Segment(1, 3), "09:00")
    new = backup("new", Segment(1, 2), "10:00", system=2)
    archive = {**listing((2, 9)), **listing((2, 4), system="17-2")}
    found = catalog(old, new, archive=archive, systems=2)
    assert [(one.label, one.usable) for one in found.sets] == [("old", False), ("new", True)]
    assert moments(found) == ("10:00", "10:34"), "the archive of the earlier system reaches further"


def test_a_wrong_key_is_the_inventorys_fault_and_says_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match="not the key") as refused:
        read_catalog({"stanza": "main", "wrong_key": "pgbackrest_cipher_pass is not the key"})
    assert "escrow" in refused.value.remedy


def test_an_answer_that_can_t_be_read_is_an_error_and_no_traceback() -> None:
    with pytest.raises(InfrastructureError, match="can't be read"):
        read_catalog(
            {"stanza": "main", "info": [{"name": "main", "backup": [{}], "db": [{}]}], "archive": {}, "history": {}}
        )


def test_what_a_real_repository_answered() -> None:
    """A failover, and four segments that were dropped: see test_recovery_point_recorded."""
    found = read_catalog(
        {
            "stanza": "main",
            "info": json.loads((DATA / "pgbackrest_info.json").read_text(encoding="utf-8")),
            "archive": json.loads((DATA / "pgbackrest_archive.json").read_text(encoding="utf-8")),
            "history": {"17-1/00000002.history": "1\t0/8C0000A0\tno recovery target specified\n"},
        }
    )
    (hole,) = found.holes
    assert (hole.missing, hole.count) == ((Segment(1, 0x4B).name(), Segment(1, 0x4E).name()), 4)
    assert hole.after is not None
    assert hole.until is not None
    assert hole.after < hole.until
    assert [line.timeline for line in found.timelines] == [1, 2]
    assert found.timelines[-1].last == Segment(2, 0x99).name()
    assert found.oldest is not None
    assert found.newest is not None
    assert found.newest == found.timelines[-1].newest > hole.until
