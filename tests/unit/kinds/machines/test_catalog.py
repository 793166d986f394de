"""A group of machines can be restored from the first moment at which each of them has a good backup."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from drillbook.kinds.machines.catalog import catalog_of
from drillbook.machines.backups import MachineBackups, TakenBackup
from drillbook.model import Backup

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=1)


def backup(host: str, hours: int, *verified: bool | None) -> TakenBackup:
    """Taken so many hours after noon, with a copy for each thing that its provider found."""
    copies = tuple(
        Backup(host, f"{host}-{hours}-{n}", "pbs", "100", NOON + timedelta(hours=hours), size=5, verified=found)
        for n, found in enumerate(verified or (None,))
    )
    return TakenBackup(host, f"run-{hours}", copies)


def test_oldest_and_newest_are_moments_at_which_the_group_is_whole() -> None:
    found = catalog_of(
        [
            MachineBackups("web", (backup("web", 0), backup("web", 4))),
            MachineBackups("db", (backup("db", 1), backup("db", 3))),
        ],
        LATER,
    )
    assert (found.oldest, found.newest) == (NOON + timedelta(hours=1), NOON + timedelta(hours=3))
    assert [(one.host, one.label, one.stored_bytes) for one in found.sets] == [
        ("web", "web-0-0", 5),
        ("db", "db-1-0", 5),
        ("db", "db-3-0", 5),
        ("web", "web-4-0", 5),
    ]
    assert found.holes == ()
    assert found.note == "the oldest of the machines' newest backups is of db, 2026-01-31T15:00:00.000Z"


def test_machines_with_one_backup_each_have_one_moment_which_is_that_of_the_last() -> None:
    found = catalog_of([MachineBackups("web", (backup("web", 0),)), MachineBackups("db", (backup("db", 1),))], LATER)
    assert found.oldest == found.newest == NOON + timedelta(hours=1)
    assert found.note.endswith("is of web, 2026-01-31T12:00:00.000Z")


def test_a_machine_without_a_good_backup_is_a_hole() -> None:
    found = catalog_of(
        [MachineBackups("web", (backup("web", 0),)), MachineBackups("db", (backup("db", 1, False),))], LATER
    )
    assert (found.oldest, found.newest, found.restorable) == (None, None, False)
    assert [hole.missing[0] for hole in found.holes] == ["db"]
    assert [one.host for one in found.sets if not one.usable] == ["db"]


def test_a_damaged_backup_with_a_good_copy_is_good() -> None:
    assert catalog_of([MachineBackups("web", (backup("web", 0, False, True),))], LATER).restorable


def test_a_group_that_was_never_backed_up_has_nothing() -> None:
    assert catalog_of([], LATER).restorable is False
    assert [hole.missing[0] for hole in catalog_of([MachineBackups("web", ())], LATER).holes] == ["web"]


def test_what_is_dated_into_the_future_restores_nothing() -> None:
    found = catalog_of([MachineBackups("web", (backup("web", 0), backup("web", 1000)))], LATER)
    assert found.newest == NOON
    assert ["is to come" in one.fault for one in found.sets] == [False, True]
