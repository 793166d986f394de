"""A backup's note against what its provider says of it."""

import pytest

from drillbook.model import BackupNote


@pytest.mark.parametrize("source", ["", "100", "qemu/100"])
def test_a_note_of_the_same_machine_contradicts_nothing(source: str) -> None:
    note = BackupNote("shop-db", "shop", "one", source).render()
    assert BackupNote.contradiction(note, "shop-db", "100", by="its tags") is None


@pytest.mark.parametrize(
    ("note", "told"),
    [
        (BackupNote("shop-web1", "shop", "one", "100").render(), "shop-web1 (100)"),
        (BackupNote("shop-db", "shop", "one", "qemu/999").render(), "shop-db (qemu/999)"),
        ("somebody's own words", "nothing"),
    ],
)
def test_a_note_of_another_machine_says_both(note: str, told: str) -> None:
    said = BackupNote.contradiction(note, "shop-db", "100", by="its tags")
    assert said == f"its note says that it is of {told}, and its tags that it is of shop-db (100)"
