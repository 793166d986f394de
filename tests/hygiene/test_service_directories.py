"""Root follows no link in directories that a service owns: who may write there would be root by the next run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.hygiene.conftest import tasks_of

FILES = ("file", "copy", "template", "replace", "lineinfile", "blockinfile")
# Directories that belong to a service, with all above them up to one that is root's.
OWNED = (
    "__postgresql_data_directory", "__postgresql_restore_directory", "/var/lib/postgresql", "__etcd_data_directory", "/var/lib/etcd",
)  # fmt: skip


def followed(tasks: Any) -> list[str]:
    """Tasks by which root would follow a service's link."""
    found = []
    for task in tasks_of(tasks):
        program = task.get("ansible.builtin.command")
        if isinstance(program, dict) and "'-o'" in str(program.get("argv")) and "become_user" not in task:
            found.append(f"{task['name']}: print it, and let ansible.builtin.copy write it")
        for module in FILES:
            arguments = task.get(f"ansible.builtin.{module}")
            if not isinstance(arguments, dict) or "become_user" in task:
                continue
            path = str(arguments.get("path", arguments.get("dest", "")))
            places = path + (str(task.get("loop", "")) if "{{" in path else "")
            itself = places.rstrip(' }"').endswith("__postgresql_restore_directory")  # /run is root's
            if any(owned in places for owned in OWNED) and not itself:
                found.append(f"{task['name']}: by the service's own user (become_user)")
            if module == "file" and arguments.get("owner", "root") != "root" and arguments.get("follow") is not False:
                found.append(f"{task['name']}: follow: false")
    return found


def test_root_follows_no_link_of_a_service(role: Path) -> None:
    found = [
        f"{path.relative_to(role)}: {problem}"
        for path in sorted((role / "tasks").glob("**/*.yml"))
        for problem in followed(yaml.safe_load(path.read_text(encoding="utf-8")))
    ]
    assert not found


def test_no_unit_appends_to_a_file(role: Path) -> None:
    """Systemd opens it as root before it becomes the unit's user."""
    units = [path for path in role.glob("templates/**/*") if path.is_file() and ".service" in path.name]
    assert not [path.name for path in units if "=append:" in path.read_text(encoding="utf-8")]


def test_logs_that_others_may_write_are_turned_over_by_their_owner(role: Path) -> None:
    for path in role.glob("templates/etc/logrotate.d/*"):
        assert any(line.split()[:1] == ["su"] for line in path.read_text(encoding="utf-8").splitlines()), path.name


@pytest.mark.parametrize(
    ("task", "problem"),
    [
        ({"ansible.builtin.file": {"path": "/srv/x", "owner": "ceph"}}, "follow: false"),
        (
            {"ansible.builtin.command": {"argv": "{{ x + ['-o', y] }}"}},
            "print it, and let ansible.builtin.copy write it",
        ),
        (
            {"ansible.builtin.command": {"argv": ["x", "-o", "/srv/y"]}},
            "print it, and let ansible.builtin.copy write it",
        ),
        (
            {"ansible.builtin.file": {"path": "{{ __postgresql_data_directory }}", "state": "absent"}},
            "by the service's own user (become_user)",
        ),
        (
            {"ansible.builtin.copy": {"dest": "{{ __postgresql_restore_directory }}/server.log", "content": ""}},
            "by the service's own user (become_user)",
        ),
        (
            {"ansible.builtin.file": {"path": "{{ one }}"}, "loop": ["{{ __etcd_data_directory }}"]},
            "by the service's own user (become_user)",
        ),
    ],
)
def test_a_task_that_follows_is_found(task: dict[str, Any], problem: str) -> None:
    assert followed([{"block": [{"name": "x", **task}]}]) == [f"x: {problem}"]
