"""The plan of the package: rooms stand on floors, imports lead downwards, a public name has one meaning."""

import ast
from pathlib import Path

import pytest
from tests.hygiene.structure import circles, defined_twice, imports, modules, room

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
FLOORS = (
    {"sanitize", "clock", "strict"},
    {"errors"},
    {"process", "concurrently", "controller", "credentials", "ssh_key", "tree", "untrusted"},
    {"known_hosts", "model", "version"},
    {"escrow", "journal"},
    {"stores", "providers", "ansible"},
    {"evidence"},
    {"run", "initial"},
    {"reporters"},
    {"machines"},
    {"inquiry"},
    {"kinds"},
    {"config"},
    {"app"},
    {"cli"},
    {"__main__"},
)
"""From the ground up. A room may import those below it, and none beside it. The package itself holds its version only."""

ONE_PER_VERB = "cli"
"""There a function is called as its verb, and each verb's file has a typer application: the command line's own names."""

SHARED = {
    "main": "what `python -m` enters; each program has one",
    **dict.fromkeys(
        ("open_snapshots", "open_backups", "open_restores", "open_removal", "open_recoveries", "open_sandboxes"),
        "each vendor opens what the registry opens for all of them",
    ),
    "find_overreach": "one ability of Restores, by vendor",
    "refuse_unless_isolated": "one ability of Restores, by vendor",
}
"""Names that several modules define, with the reason why they mean one thing."""


@pytest.fixture(scope="module")
def sources() -> dict[str, ast.Module]:
    return modules(SCRIPTS)


def floors() -> dict[str, int]:
    return {name: number for number, names in enumerate(FLOORS) for name in names}


def test_every_room_has_a_floor(sources: dict[str, ast.Module]) -> None:
    assert {room(module) for module in sources} - {"drillbook"} == set(floors())


def test_imports_lead_downwards(sources: dict[str, ast.Module]) -> None:
    assert upwards(sources) == []


def test_there_is_no_circle(sources: dict[str, ast.Module]) -> None:
    assert circles(sources) == []


def test_a_public_name_has_one_meaning(sources: dict[str, ast.Module]) -> None:
    assert ambiguous(sources) == {}
    assert set(SHARED) <= set(defined_twice(sources)), "an exception that nothing needs any more"


def test_nothing_outside_kinds_compares_a_kinds_name(sources: dict[str, ast.Module]) -> None:
    assert comparisons_with_kinds(sources) == []


def upwards(sources: dict[str, ast.Module]) -> list[str]:
    floor = floors()
    rooms = ((room(importer), room(imported), importer, imported) for importer, imported in imports(sources))
    return sorted(
        f"{importer} imports {imported}"
        for above, below, importer, imported in rooms
        if above != below and "drillbook" not in (above, below) and floor[below] >= floor[above]
    )


def ambiguous(sources: dict[str, ast.Module]) -> dict[str, list[str]]:
    outside_cli = {module: tree for module, tree in sources.items() if room(module) != ONE_PER_VERB}
    return {name: homes for name, homes in defined_twice(outside_cli).items() if name not in SHARED}


def comparisons_with_kinds(sources: dict[str, ast.Module]) -> list[str]:
    from drillbook.kinds.registry import KINDS  # noqa: PLC0415 - only this test needs more than the sources

    return [
        f"{module}:{node.lineno}"
        for module, tree in sources.items()
        if room(module) != "kinds"
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and any(isinstance(part, ast.Constant) and part.value in KINDS for part in (node.left, *node.comparators))
    ]


def planted(**texts: str) -> dict[str, ast.Module]:
    return {name.replace("__", "."): ast.parse(text) for name, text in texts.items()}


def test_an_upward_import_is_found_wherever_it_stands() -> None:
    inside = "def f():\n    from drillbook.run.plan import Plan"
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from drillbook.run.plan import Plan"
    for text in ("import drillbook.run.plan", inside, typed):
        assert upwards(planted(drillbook__model__x=text, drillbook__run__plan="")) == [
            "drillbook.model.x imports drillbook.run.plan"
        ]
    beside = planted(drillbook__stores__x="from drillbook.providers import y", drillbook__providers__y="")
    assert upwards(beside) == ["drillbook.stores.x imports drillbook.providers.y"]


def test_a_circle_is_found_over_several_modules() -> None:
    around = planted(
        drillbook__a="from drillbook import b",
        drillbook__b="import drillbook.c",
        drillbook__c="from drillbook.a import x",
    )
    assert circles(around) == [["drillbook.a", "drillbook.b", "drillbook.c"]]


def test_a_second_meaning_is_found() -> None:
    twice = planted(
        drillbook__run__a="class Order: ...", drillbook__stores__b="Order = 3", drillbook__cli__c="Order = 4"
    )
    assert ambiguous(twice) == {"Order": ["drillbook.run.a", "drillbook.stores.b"]}


def test_a_comparison_with_a_kind_is_found() -> None:
    text = 'if service.kind.name == "postgresql":\n    pass'
    assert comparisons_with_kinds(planted(drillbook__run__a=text, drillbook__kinds__b=text)) == ["drillbook.run.a:1"]
