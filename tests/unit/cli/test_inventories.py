"""Which inventory a verb reads. Without a name it is the lab's of this clone, and nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from drillbook.cli.inventories import chosen_inventories
from drillbook.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DRILLBOOK_INVENTORY", "DRILLBOOK_LAB"):
        monkeypatch.delenv(variable, raising=False)


def clone(directory: Path, *labs: str) -> Path:
    """A clone, its reports and logs, and labs that were raised."""
    for folder in ("reports", "drillbook-logs", *labs):
        (directory / ".lab" / folder).mkdir(parents=True)
    for lab in labs:
        (directory / ".lab" / lab / "containers.conf").touch()
    return directory


def chosen(root: Path, *given: str) -> tuple[list[Path], list[str]]:
    """The inventories, and what was told."""
    told: list[str] = []
    return chosen_inventories([Path(name) for name in given] or None, lambda: root, told.append), told


def unasked() -> Path:
    pytest.fail("the repository is asked for, and what was named may stand anywhere")


def test_what_is_named_is_taken_without_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone(tmp_path, "drillbook")
    monkeypatch.setenv("DRILLBOOK_INVENTORY", "one:two")
    assert chosen(tmp_path) == ([Path("one"), Path("two")], [])
    assert chosen(tmp_path, "three") == ([Path("three")], [])
    assert chosen_inventories(None, unasked, print) == [Path("one"), Path("two")]


@pytest.mark.parametrize("lab", [None, "", "demo1"])
def test_the_lab_of_this_clone_is_taken_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lab: str | None
) -> None:
    clone(tmp_path, "drillbook", "demo1")
    if lab is not None:
        monkeypatch.setenv("DRILLBOOK_LAB", lab)
    monkeypatch.setenv("DRILLBOOK_INVENTORY", "")
    found, told = chosen(tmp_path)
    assert found == [tmp_path / "inventories/lab"]
    assert told == [f"drillbook: no inventory was given: using inventories/lab, of the lab '{lab or 'drillbook'}'"]


def test_without_a_lab_it_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no inventory was given, and this clone has no lab 'drillbook'") as no:
        chosen(clone(tmp_path))
    assert no.value.remedy == (
        "Give --inventory (-i), or set DRILLBOOK_INVENTORY. `drillbook init DIRECTORY` makes an inventory."
    )
    assert no.value.exit_code == 2


def test_another_lab_is_named_and_never_guessed(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        chosen(clone(tmp_path, "test2", "demo1"))
    assert caught.value.remedy.endswith("A lab of this clone is named by DRILLBOOK_LAB: demo1, test2.")
