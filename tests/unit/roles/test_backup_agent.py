"""The role backup_agent: each kind is whole, and what it takes from the inventory's drillbook_* it takes as drillbook does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from drillbook.kinds.declaration import ServiceVariables
from drillbook.kinds.machines.settings import MachinesVariables
from drillbook.kinds.postgresql.kind import PostgresqlService
from drillbook.kinds.registry import KINDS as OF_SERVICES

ROLE = Path(__file__).parents[3] / "roles/backup_agent"


def load(name: str) -> Any:
    return yaml.safe_load((ROLE / name).read_text(encoding="utf-8"))


ENTRY: dict[str, dict[str, Any]] = load("meta/argument_specs.yml")["argument_specs"]["main"]["options"][
    "backup_agent_heartbeats"
]["options"]
KINDS: dict[str, dict[str, Any]] = load("vars/main/kinds.yml")["__backup_agent_kinds"]


def test_each_kind_has_a_driver_an_entry_and_its_choice() -> None:
    drivers = sorted(path.stem for path in (ROLE / "files/kinds").glob("*.py") if path.stem != "__init__")
    assert drivers == sorted(KINDS) == sorted(ENTRY["kind"]["choices"])


def test_the_kinds_are_those_of_services() -> None:
    assert set(KINDS) == set(OF_SERVICES)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_kind_takes_is_specified_with_the_same_default(kind: str) -> None:
    for key, default in KINDS[kind]["settings"].items():
        assert key in ENTRY
        if "default" in ENTRY[key]:
            assert ENTRY[key]["default"] == default
        else:
            assert "{{" in default, f"{key}: a literal default stands in the specs, too"
    assert not [key for key in KINDS[kind]["secrets"] if "default" in ENTRY.get(key, {"default": None})]


def test_every_key_is_of_a_kind_or_of_all() -> None:
    of_kinds = {key for kind in KINDS.values() for key in (*kind["settings"], *kind["secrets"])}
    assert set(ENTRY) - of_kinds == {"service", "kind", "interval_seconds", "publish_interval_seconds"}


def fallback(template: str, key: str) -> str:
    """What stands where the inventory does not say ``key``."""
    found = re.search(rf"\.{key} \| default\('?([^')]*)'?\)", template)
    assert found, f"{template} reads no {key}"
    return found[1]


@pytest.mark.parametrize(
    ("setting", "key"),
    [("interval_seconds", "heartbeat_interval_seconds"), ("publish_interval_seconds", "heartbeat_publish_interval_seconds")],
)  # fmt: skip
def test_without_a_figure_it_beats_as_drills_judge(setting: str, key: str) -> None:
    general = load("vars/main/heartbeat.yml")["__backup_agent_general"]
    assert float(fallback(general[setting], key)) == ServiceVariables.model_fields[key].default


def test_the_machines_heartbeat_is_where_drills_look_for_it() -> None:
    template = KINDS["machines"]["settings"]["file"]
    assert fallback(template, "heartbeat_file") == MachinesVariables.model_fields["heartbeat_file"].default


def test_without_a_figure_segments_are_archived_as_drills_judge() -> None:
    defaults = yaml.safe_load((ROLE.parent / "postgresql/defaults/main.yml").read_text(encoding="utf-8"))
    promised = float(fallback(defaults["postgresql_archive_timeout_seconds"], "archive_timeout_seconds"))
    assert promised == PostgresqlService.model_fields["archive_timeout_seconds"].default


def test_former_agents_are_those_of_the_kinds_that_there_were() -> None:
    assert set(load("vars/main/former.yml")["__backup_agent_former"]) == {"machines", "postgresql"}
