"""What an inventory declares to drillbook stands nowhere a second time: the roles' variables are made from it.

drillbook judges by the ``drillbook_*`` variables, and the roles bring about what is judged. Written twice, one of the two is
changed one day, and a verdict is wrong without a word.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from drillbook.machines.drill.isolation import PORTS

ROOT = Path(__file__).resolve().parent.parent.parent
INVENTORIES = sorted(path for path in (ROOT / "inventories").iterdir() if path.is_dir())
# The same word for something else, each with its reason.
OTHERS = {
    "lab: lab_layers": "what an image is built for, before there is any service",
    "aws: ec2_vm_type": "instances of production; drills may run on others",
    "proxmox: proxmox_vm_storage": "where production's disks lie; drills may use another storage",
}


class Leaf(NamedTuple):
    """A literal and the words that name it."""

    where: str
    name: str
    value: object


def leaves(value: object, where: str, name: str) -> Iterator[Leaf]:
    """Every literal below a variable; one called `name` is named by what it is the name of."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, where, name.removesuffix("s").split("_")[-1] if key == "name" else str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, where, name)
    elif (
        isinstance(value, int | float | str) and not isinstance(value, bool) and "{{" not in str(value) and value != ""
    ):
        yield Leaf(where, name, value)


def variables(inventory: Path) -> Iterator[tuple[Path, str, object]]:
    """Each variable of the group_vars, with its file."""
    for path in sorted((inventory / "group_vars").rglob("*.yml")):
        for key, value in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
            yield path, str(key), value


def declared(inventory: Path) -> list[Leaf]:
    """What the inventory says to drillbook, in its files or by its script."""
    found = [(key, value) for _path, key, value in variables(inventory)]
    for script in inventory.glob("*.py"):
        environment = {**os.environ, "DRILLBOOK_LAB": "other"}
        told = subprocess.run(
            [sys.executable, script, "--list"], env=environment, capture_output=True, text=True, check=True, timeout=30
        )
        found += json.loads(told.stdout)["all"]["vars"].items()
    return [leaf for key, value in found if key.startswith("drillbook_") for leaf in leaves(value, key, key)]


def ends_alike(one: str, other: str) -> bool:
    """Whether the words of one name are the last words of the other."""
    return f"_{one}".endswith(f"_{other}") or f"_{other}".endswith(f"_{one}")


def says_the_same(said: Leaf, literal: Leaf) -> bool:
    """A figure of the same name, whatever it is now; or the same text under the same last word."""
    if isinstance(said.value, str) or isinstance(literal.value, str):
        return said.value == literal.value and said.name.split("_")[-1] == literal.name.split("_")[-1]
    return min(said.name.count("_"), literal.name.count("_")) > 0 and ends_alike(said.name, literal.name)


def repeated(inventory: Path) -> list[str]:
    """Literals of group_vars that a ``drillbook_*`` key of the same inventory says."""
    said = declared(inventory)
    found = []
    for path, key, value in variables(inventory):
        if key.startswith("drillbook_"):
            continue
        for literal in leaves(value, key, key.removeprefix(f"{path.stem}_")):
            source = next((leaf for leaf in said if says_the_same(leaf, literal)), None)
            if source and f"{inventory.name}: {key}" not in OTHERS:
                found.append(f"{path.relative_to(inventory)}: {key}: {literal.value} is {source.where}: {source.name}")
    return found


@pytest.mark.parametrize("inventory", INVENTORIES, ids=lambda path: path.name)
def test_nothing_stands_twice(inventory: Path) -> None:
    assert not repeated(inventory), "Make it of the drillbook_* variable, or leave it to the role's default."


def test_each_exception_is_still_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "OTHERS", {})
    found = "\n".join(f"{inventory.name}: {line}" for inventory in INVENTORIES for line in repeated(inventory))
    assert not [name for name in OTHERS if f": {name.split()[-1]}: " not in found]


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """One that says what everyone's says, and nothing else."""
    variables = {
        "all/drillbook": {
            "drillbook_object_store": {
                "endpoint": "https://store.example.org", "region": "eu-1", "heartbeat_bucket": "beats", "repository_bucket": "backups",
            }
        },
        "postgresql_main/drillbook": {
            "drillbook_service": {
                "name": "main", "kind": "postgresql", "heartbeat_interval_seconds": 2, "archive_timeout_seconds": 20,
                "heartbeat_publish_interval_seconds": 5,
            },
            "drillbook_machines": {"heartbeat_file": "/srv/drillbook/heartbeat.json"},
        },
    }  # fmt: skip
    for name, values in variables.items():
        write(tmp_path, name, values)
    return tmp_path


def write(inventory: Path, name: str, values: dict[str, Any]) -> None:
    path = inventory / "group_vars" / f"{name}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(values))


@pytest.mark.parametrize(
    ("role", "values"),
    [
        ("postgresql", {"postgresql_archive_timeout_seconds": 20}),
        ("postgresql", {"postgresql_archive_timeout_seconds": 30}),
        ("backup_agent", {"backup_agent_interval_seconds": 2}),
        ("backup_agent", {"backup_agent_heartbeats": [{"interval_seconds": 3}]}),
        ("backup_agent", {"backup_agent_heartbeats": [{"publish_interval_seconds": 5}]}),
        ("backup_agent", {"backup_agent_heartbeats": [{"service": "main"}]}),
        ("backup_agent", {"backup_agent_heartbeats": [{"kind": "postgresql"}]}),
        ("backup_agent", {"backup_agent_heartbeats": [{"file": "/srv/drillbook/heartbeat.json"}]}),
        ("backup_agent", {"backup_agent_store_endpoint": "https://store.example.org"}),
        ("backup_agent", {"backup_agent_store_bucket": "beats"}),
        ("pgbackrest", {"pgbackrest_repository": {"bucket": "backups"}}),
        ("pgbackrest", {"pgbackrest_repository": {"region": "eu-1"}}),
    ],
)
def test_a_second_figure_is_found(inventory: Path, role: str, values: dict[str, Any]) -> None:
    write(inventory, f"postgresql/{role}", values)
    (found,) = repeated(inventory)
    assert found.startswith(f"group_vars/postgresql/{role}.yml: "), found


@pytest.mark.parametrize(
    ("role", "values"),
    [
        ("postgresql", {"postgresql_archive_timeout_seconds": "{{ drillbook_service.archive_timeout_seconds }}"}),
        ("backup_agent", {"backup_agent_heartbeats": [{"fingerprint_interval_seconds": 15, "keep_hours": 2}]}),
        ("backup_agent", {"backup_agent_store_endpoint": "https://store:7480"}),
        ("certificates", {"certificates_list": [{"name": "main"}]}),
        ("etcd", {"etcd_election_timeout_milliseconds": 20}),
    ],
)
def test_what_says_something_else_is_let_be(inventory: Path, role: str, values: dict[str, Any]) -> None:
    write(inventory, f"postgresql/{role}", values)
    assert repeated(inventory) == []


def test_machines_and_hosts_are_tried_on_the_same_ports() -> None:
    """A drill of machines and the role of a sandbox host both look for production; neither may look for less."""
    defaults = yaml.safe_load((ROOT / "roles/isolation/defaults/main.yml").read_text(encoding="utf-8"))
    assert tuple(defaults["isolation_production_ports"]) == PORTS
