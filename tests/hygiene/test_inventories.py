"""A cluster's name stands once in the lab's inventory: in its `drillbook_service`. All else is derived from it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
GROUP_VARS = ROOT / "inventories/lab/group_vars"
NAMES_A_CLUSTER = re.compile(
    r"^(postgresql_cluster|etcd_cluster_name|etcd_initial_cluster_token|pgbackrest_stanza|backup_agent_service)$"
)
LITERAL = re.compile(r"--stanza=(?!\{\{)|/var/lib/postgresql/[^/]+/(?!\{\{)")


def group_of_services() -> dict[str, str]:
    """The group that declares each PostgreSQL service of the lab."""
    files = {
        path.parent.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in GROUP_VARS.rglob("drillbook.yml")
    }
    declared = {group: values["drillbook_service"] for group, values in files.items() if "drillbook_service" in values}
    return {service["name"]: group for group, service in declared.items() if service["kind"] == "postgresql"}


def literal_names(values: dict[str, Any]) -> list[str]:
    """Keys whose value says a cluster's name by itself."""
    return [
        key
        for key, value in values.items()
        if isinstance(value, str) and (LITERAL.search(value) or (NAMES_A_CLUSTER.match(key) and "{{" not in value))
    ]


def test_there_are_two_clusters_and_one_is_in_a_group_with_another_name() -> None:
    assert len(group_of_services()) >= 2
    assert any(group != f"postgresql_{name}" for name, group in group_of_services().items())


def test_names_of_clusters_are_derived() -> None:
    files = sorted(GROUP_VARS.rglob("*.yml"))
    assert len(files) > 10, "the inventory was not found"
    assert not [
        f"{path.relative_to(ROOT)}: {key}"
        for path in files
        for key in literal_names(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("pgbackrest_stanza", "main"),
        ("postgresql_restore_command", "pgbackrest --stanza=main archive-get"),
        ("pgbackrest_data_directory", "/var/lib/postgresql/{{ postgresql_version }}/main"),
    ],
)
def test_a_name_that_is_written_again_is_found(key: str, value: str) -> None:
    assert literal_names({key: value}) == [key]
