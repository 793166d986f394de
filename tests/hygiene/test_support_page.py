"""docs/reference/support.md says what the code can: providers by their openers and Protocols, kinds by the registry, systems by the roles."""

from __future__ import annotations

import re
from importlib import import_module

import pytest
from tests.hygiene.conftest import ROLES, ROOT

from drillbook.kinds.registry import KINDS
from drillbook.providers import Freezing, LimitedCredential, LiveRestores
from drillbook.providers.registry import _OPENERS

PAGE = (ROOT / "docs/reference/support.md").read_text(encoding="utf-8")
OPENERS = {
    "drill of `postgresql` into a sandbox that the provider makes": "open_sandboxes",
    "drill of `machines` into the provider's drill range": "open_restores",
    "restore in place of `machines`": "open_recoveries",
    "snapshots of a group": "open_snapshots",
    "backups of a group": "open_backups",
}
ABILITIES = {
    "file systems at rest for a snapshot (`quiesce: agent`)": Freezing,
    "use before the disks are whole (live-restore)": LiveRestores,
    "the drill's key is proven to be weak": LimitedCredential,
}


def rows(page: str) -> dict[str, list[str]]:
    """Each table's row by its first cell."""
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    return {cells[0]: cells[1:] for line in lines if (cells := [cell.strip() for cell in line.strip("|").split("|")])}


def said(page: str, row: str) -> dict[str, bool]:
    """By provider, whether a row says yes."""
    header = re.search(r"^\| what \| (`\w+`(?: \| `\w+`)*) \|$", page, re.MULTILINE)
    assert header is not None
    kinds = re.findall(r"`(\w+)`", header[1])
    cells = rows(page)[row]
    assert all(re.match(r"(yes|no)\b", cell) for cell in cells), cells
    return {kind: cell.startswith("yes") for kind, cell in zip(kinds, cells, strict=True)}


def offered(opener: str) -> dict[str, bool]:
    return {kind: hasattr(import_module(module), opener) for kind, module in _OPENERS.items()}


def able(ability: type) -> dict[str, bool]:
    """By provider, whether a class of its package has the ability."""
    found = {}
    for kind, module in _OPENERS.items():
        classes = [value for value in vars(import_module(module)).values() if isinstance(value, type)]
        found[kind] = any(
            issubclass(one, ability) for one in classes if one.__module__.startswith("drillbook.providers.")
        )
    return found


@pytest.mark.parametrize("row", OPENERS)
def test_a_provider_offers_what_the_page_says(row: str) -> None:
    assert said(PAGE, row) == offered(OPENERS[row])


@pytest.mark.parametrize("row", ABILITIES)
def test_a_provider_has_the_abilities_that_the_page_says(row: str) -> None:
    assert said(PAGE, row) == able(ABILITIES[row])


def test_a_wrong_word_is_found() -> None:
    page = PAGE.replace("| restore in place of `machines` | yes |", "| restore in place of `machines` | no |")
    assert page != PAGE
    assert said(page, "restore in place of `machines`") != offered("open_recoveries")


def test_each_kind_of_service_has_its_row_with_its_points() -> None:
    found = {
        name: cells[0].split(", ")
        for first, cells in rows(PAGE).items()
        if (name := re.sub(r"\[`(\w+)`\]\(.*\)", r"\1", first)) != first
    }
    assert found == {name: [point.value for point in kind.points] for name, kind in KINDS.items()}


def test_roles_that_refuse_debian_12_are_named_apart() -> None:
    supported = {row: cells[0] for row, cells in rows(PAGE).items() if row.startswith("hosts of the roles")}
    (both,) = [row for row, cell in supported.items() if cell == "Debian 12, Debian 13"]
    (newer,) = [row for row in supported if row != both]
    refusing = {role.name for role in ROLES if "refusal:" in older(role.name)}
    assert set(re.findall(r"`(\w+)`", newer)) == refusing
    assert not set(re.findall(r"`(\w+)`", both)) & refusing


def older(role: str) -> str:
    path = ROOT / "roles" / role / "vars/debian-12.yml"
    return path.read_text(encoding="utf-8") if path.is_file() else ""
