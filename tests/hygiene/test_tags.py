"""`--tags` reach every role of site.yml: of what is included dynamically Ansible finds nothing, and ends with success."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
INCLUDE = "ansible.builtin.include_role"
IMPORT = "ansible.builtin.import_role"


def plays_of(path: Path) -> Iterator[dict[str, Any]]:
    """All plays of a playbook and of those that it imports."""
    for play in yaml.safe_load(path.read_text(encoding="utf-8")):
        imported = play.get("ansible.builtin.import_playbook")
        if imported:
            yield from plays_of(path.parent / imported)
        else:
            yield play


def out_of_reach(plays: list[dict[str, Any]]) -> list[str]:
    """Roles whose own tags don't reach them: included whole, and not by `roles` or an import."""
    tasks = [
        task
        for play in plays
        for task in (*play.get("pre_tasks", ()), *play.get("tasks", ()), *play.get("post_tasks", ()))
    ]
    return [task[INCLUDE]["name"] for task in tasks if INCLUDE in task and "tasks_from" not in task[INCLUDE]]


def roles_of(plays: list[dict[str, Any]]) -> set[str]:
    by_tasks = (task[IMPORT]["name"] for play in plays for task in play.get("tasks", ()) if IMPORT in task)
    return {entry["role"] for play in plays for entry in play.get("roles", ())} | set(by_tasks)


def test_tags_reach_every_role_of_the_platform() -> None:
    plays = list(plays_of(PLAYBOOKS / "site.yml"))
    assert out_of_reach(plays) == []
    reached = {name.rpartition(".")[2] for name in roles_of(plays)}
    assert reached >= {
        "host_baseline", "certificates", "object_store", "etcd", "pgbackrest", "postgresql", "pgbouncer", "haproxy", "backup_agent",
    }  # fmt: skip


def test_a_role_that_is_included_is_found() -> None:
    play = {"tasks": [{INCLUDE: {"name": "pgbouncer"}}, {INCLUDE: {"name": "etcd", "tasks_from": "install"}}]}
    assert out_of_reach([play]) == ["pgbouncer"]
