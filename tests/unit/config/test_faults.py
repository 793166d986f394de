"""All that is wrong with an inventory is said at once, each mistake once, and an unknown key with the nearest known one."""

from __future__ import annotations

import copy
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.config.test_configuration import CASES, PROXMOX, everywhere, first_drill, service
from tests.unit.world import inventory_json

from drillbook.config import Inventory, configuration, examine, read_inventory
from drillbook.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from drillbook.config.faults import Fault

# Each spoils another part, so that no one of them is what follows from another.
APART = (
    "unknown key at the top",
    "unknown key inside",
    "host variable",
    "seconds without end",
    "plain http",
    "objective that can't be met",
    "sandbox unknown",
    "sandbox of an unknown provider",
    "twins",
    "escrow that burns too",
)


def faults(data: dict[str, Any]) -> tuple[Fault, ...]:
    return examine(Inventory.parse(data)).faults


def spoiled(directory: Path, *cases: str) -> dict[str, Any]:
    data = inventory_json(directory)
    for case in cases:
        CASES[case][0](data)
    return data


def test_a_good_inventory_has_none(tmp_path: Path) -> None:
    found = examine(Inventory.parse(inventory_json(tmp_path)))
    assert (found.faults, found.configuration is None) == ((), False)


@pytest.mark.parametrize("case", CASES)
def test_one_mistake_is_one_fault(tmp_path: Path, case: str) -> None:
    (found,) = faults(spoiled(tmp_path, case))
    _spoil, message, where = CASES[case]
    assert message in found.message
    assert where in found.where
    assert found.remedy


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    found = faults(spoiled(tmp_path, *APART))
    assert set(found) >= {faults(spoiled(tmp_path, case))[0] for case in APART if case != "twins"}
    # The twin of a drill repeats what is wrong with it, and each fault is said once.
    assert [fault.message for fault in found if "also declared" in fault.message] == [
        "'main-latest' is also declared in group postgresql_main"
    ]
    assert len(found) == len(APART)


def test_a_library_that_is_missing_is_one_fault_beside_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = spoiled(tmp_path, "host variable")
    everywhere(data)["drillbook_providers"] = [PROXMOX]
    data["postgresql_main"]["vars"]["drillbook_machines"] = {"provider": "lab"}
    monkeypatch.delitem(sys.modules, "drillbook.providers.proxmox.openers", raising=False)
    monkeypatch.delitem(sys.modules, "drillbook.providers.proxmox.api", raising=False)
    monkeypatch.setitem(sys.modules, "proxmoxer", None)
    missing, other = sorted(faults(data), key=lambda fault: fault.owner)
    assert missing.message == "the provider lab (proxmox) needs the Python library proxmoxer, which is not installed"
    assert "pip install 'drillbook[proxmox]'" in missing.remedy
    assert "written for a host" in other.message


def test_unknown_keys_come_first_and_are_what_other_verbs_say(tmp_path: Path) -> None:
    data = spoiled(tmp_path, *APART)
    found = faults(data)
    assert [fault.unknown for fault in found] == [True, True] + [False] * (len(APART) - 2)
    with pytest.raises(ConfigurationError) as caught:
        configuration(Inventory.parse(data))
    assert (caught.value.message, caught.value.where) == (found[0].message, found[0].where)
    assert "Did you mean 'drillbook_state_directory'?" in caught.value.remedy


def test_a_key_that_hides_a_fault_behind_it_is_looked_through(tmp_path: Path) -> None:
    """pydantic looks at an objective only where all keys beside it are known."""
    found = faults(spoiled(tmp_path, "unknown key inside", "objective that can't be met"))
    assert [fault.message.split()[0] for fault in found] == ["unknown", "objectives.rpo_seconds"]


@pytest.mark.parametrize(
    ("spoil", "suggested"),
    [
        (lambda data: everywhere(data).update(drillbook_evidnece={}), "Did you mean 'drillbook_evidence'?"),
        (lambda data: everywhere(data).update(drillbook_x={}), None),
        (lambda data: service(data).update(archive_timeout=20), "Did you mean 'archive_timeout_seconds'?"),
        (lambda data: service(data).update(objetives={}), "Did you mean 'objectives'?"),
        (lambda data: service(data)["objectives"].update(rpo=60), "Did you mean 'rpo_seconds'?"),
        (lambda data: service(data).update(kind="postgres"), "Did you mean 'postgresql'?"),
        (lambda data: first_drill(data).update(sandbx="sandbox1"), "Did you mean 'sandbox'?"),
        (lambda data: first_drill(data).update(point={"typ": "oldest"}), "Did you mean 'type'?"),
        (lambda data: everywhere(data)["drillbook_providers"][0].update(prefx="x"), "Did you mean 'prefix'?"),
        (lambda data: everywhere(data)["drillbook_providers"][0].update(bridge="x"), None),
        (lambda data: everywhere(data)["drillbook_providers"][0]["drill"].update(datapath="/"), "'data_path'?"),
        (lambda data: everywhere(data)["drillbook_object_store"]["repositories"]["pgbackrest"].update(bukket="x"), "'bucket'?"),
        (lambda data: everywhere(data)["drillbook_sandboxes"][0].update(provider="lap"), "Did you mean 'lab'?"),
        (lambda data: everywhere(data).update(drillbook_drills=[]), "It belongs to the group of a service."),
        (lambda data: data["postgresql"].update(vars={"drillbook_escrow": []}), "It belongs to the group all."),
        (lambda data: everywhere(data).update(drilbook_escrow=[]), "Did you mean 'drillbook_escrow'?"),
        (lambda data: data["postgresql_main"]["vars"].update(drillbook_drill=[]), "Did you mean 'drillbook_drills'?"),
    ],
)  # fmt: skip
def test_the_nearest_known_name_is_said(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], object], suggested: str | None
) -> None:
    data = inventory_json(tmp_path)
    spoil(data)
    (found,) = faults(data)
    assert "Did you mean" not in found.remedy if suggested is None else suggested in found.remedy


def test_what_is_proposed_is_not_missing_as_well(tmp_path: Path) -> None:
    """A required key, and one whose default does not fit the objective."""
    data = inventory_json(tmp_path)
    everywhere(data)["drillbook_evidnece"] = everywhere(data).pop("drillbook_evidence")
    service(data)["archive_timeout"] = service(data).pop("archive_timeout_seconds")
    assert [fault.key for fault in faults(data)] == ["drillbook_evidnece", "drillbook_service.archive_timeout"]


def test_a_wrong_guess_is_not_held_against_the_guessed_key(tmp_path: Path) -> None:
    data = inventory_json(tmp_path)
    everywhere(data)["drillbook_evidence_colour"] = everywhere(data).pop("drillbook_evidence") and "blue"
    (found,) = faults(data)
    assert found.key == "drillbook_evidence_colour"


def test_a_variable_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    data = inventory_json(tmp_path)
    everywhere(data).update(backup_agent_heartbeats=[], drill_bookings=1, book_drills={}, drillbooks=2)
    assert faults(data) == ()


def test_names_that_the_command_line_gives_are_answered_likewise(tmp_path: Path) -> None:
    found = configuration(Inventory.parse(inventory_json(tmp_path)))
    with pytest.raises(ConfigurationError, match="Did you mean 'main-latest'"):
        found.drill("main-lastest")


def test_an_entry_is_called_by_its_name(tmp_path: Path) -> None:
    data = inventory_json(tmp_path)
    data["postgresql_main"]["vars"]["drillbook_drills"].append({"name": "second", "sandbox": 7, "point": {"type": "x"}})
    assert [fault.key for fault in faults(data)] == [
        "drillbook_drills[second].sandbox",
        "drillbook_drills[second].point.type",
    ]


def test_what_is_sound_beside_it_is_looked_at(tmp_path: Path) -> None:
    """A drill that can't be read, a service that can't, a provider that can't: none hides the second drill's fault."""
    data = spoiled(tmp_path, "objective that can't be met", "sandbox unknown")
    data["postgresql_main"]["vars"]["drillbook_drills"].append({"name": "second", "sandbox": 7})
    everywhere(data)["drillbook_providers"].append({"name": "other", "kind": "lab"})
    assert sorted(fault.key for fault in faults(data)) == [
        "drillbook_drills, drill main-latest",
        "drillbook_drills[second].sandbox",
        "drillbook_providers[other].containers_conf",
        "drillbook_providers[other].prefix",
        "drillbook_service",
    ]


def test_nothing_is_held_against_what_can_t_be_read(tmp_path: Path) -> None:
    data = inventory_json(tmp_path)
    everywhere(data)["drillbook_providers"][0]["prefix"] = 7
    everywhere(data)["drillbook_object_store"]["endpoint"] = "{{ endpoint }}"
    assert [fault.key for fault in faults(data)] == ["drillbook_object_store", "drillbook_providers[lab].prefix"]


def test_a_sandbox_that_can_t_be_read_is_declared_all_the_same(tmp_path: Path) -> None:
    data = inventory_json(tmp_path)
    everywhere(data)["drillbook_sandboxes"][0]["disk_bytes"] = -1
    assert [fault.key for fault in faults(data)] == ["drillbook_sandboxes[sandbox1].disk_bytes"]


def test_machines_that_can_t_be_read_are_declared_all_the_same(tmp_path: Path) -> None:
    data = spoiled(tmp_path, "machines that are not declared")
    data["postgresql_main"]["vars"]["drillbook_machines"] = {"provider": "lab", "quiesce": "hard"}
    assert [fault.key for fault in faults(data)] == ["drillbook_machines.quiesce"]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to each value below a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, found in inner:
        yield (*path, part)
        yield from places(found, (*path, part))


@pytest.mark.parametrize("junk", ["x", 7, None, True, [], {}, [[]], [7], {"kind": []}, "{{ x }}", {"__ansible_vault": "x"}], ids=repr)  # fmt: skip
@pytest.mark.parametrize("group", ["all", "postgresql_main"])
def test_whatever_stands_anywhere_it_is_read_or_refused(tmp_path: Path, group: str, junk: object) -> None:
    good = inventory_json(tmp_path)
    refused = 0
    for path in places(good[group]["vars"]):
        data = copy.deepcopy(good)
        around = data[group]["vars"]
        for part in path[:-1]:
            around = around[part]
        around[path[-1]] = junk
        found = examine(Inventory.parse(data))
        assert (found.configuration is None) is bool(found.faults), path
        refused += bool(found.faults)
    assert refused > 5


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A good inventory in files, as one is written by hand."""
    data = inventory_json(tmp_path)
    (tmp_path / "ansible.cfg").write_text("[defaults]\n")
    (tmp_path / "group_vars/all").mkdir(parents=True)
    (tmp_path / "group_vars/all/other.yml").write_text("colour: drillbook_state_directory\n")
    (tmp_path / "group_vars/all/drillbook.yml").write_text(json.dumps(data["all"]["vars"], indent=2))
    (tmp_path / "group_vars/postgresql_main.yml").write_text(json.dumps(data["postgresql_main"]["vars"], indent=2))
    (tmp_path / "hosts.yml").write_text(
        "all: {children: {postgresql: {children: {postgresql_main: {hosts: {db1: {}, db2: {}}}}},"
        " sandbox: {hosts: {sandbox1: {}}}}}\n"
    )
    return tmp_path


def test_the_file_that_names_the_key_is_said(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(written)
    for path, old, new in (
        (written / "group_vars/all/drillbook.yml", "drillbook_state_directory", "drillbook_stat_directory"),
        (written / "group_vars/postgresql_main.yml", '"archive_timeout_seconds"', '"archive_timeout"'),
        (written / "hosts.yml", "db2: {}", "db2: {drillbook_escrow: []}"),
    ):
        path.write_text(path.read_text().replace(old, new))
    found = examine(read_inventory([written / "hosts.yml"], root=written)).faults
    assert [(fault.files, fault.where.rsplit(", ", 2)[1:]) for fault in found] == [
        (("group_vars/all/drillbook.yml",), ["group_vars of all", "key drillbook_stat_directory"]),
        (("group_vars/postgresql_main.yml",), ["group_vars of postgresql_main", "key drillbook_service.archive_timeout"]),
        (("hosts.yml",), ["host db2", "key drillbook_escrow"]),
    ]  # fmt: skip
