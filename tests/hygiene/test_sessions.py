"""Drillbook's own sessions of PostgreSQL say themselves what they set: what a database's owner wrote there bends none of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.hygiene.conftest import tasks_of

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAMS = re.compile(r"(?:^|/)(?:psql|pg_dump|pg_dumpall|pg_restore|pg_amcheck|vacuumdb|reindexdb|createdb|dropdb)$")
OF_PGBACKREST = {"backup", "check", "stanza-create", "stanza-upgrade"}
MODULES = ("community.postgresql.", "drillbook.platform.postgresql_recovery")
# They ask as a client of the service does, through its pooler, which refuses options; and have such a client's rights, or fewer.
CLIENTS = {"{{ postgresql_probe_user }}", "{{ pgbouncer_auth_user }}"}
READERS = {"{{ __postgresql_reader }}", "{{ __backup_agent_of_kind.user }}"}
# Whoever may not read these as a superuser: tables of the agent's database are its own to replace.
OWNED = re.compile(r"\bdrillbook\.(?:heartbeat|fingerprint)\b(?!')")
PLACES = re.compile(r"roles/[^/]+/(?:files|templates)/.+|plugins/.+\.py|scripts/drillbook/.+\.py")
SCRIPTS = re.compile(r"\bpsql\b|\bpg_dump\b|\bpg_amcheck\b|\bvacuumdb\b|psycopg2?\.connect")
# Where the options of a program stand that another file starts.
STARTED_BY = {
    "roles/pgbackrest/files/pgbackrest_check.py": "roles/pgbackrest/templates/etc/systemd/system/drillbook-pgbackrest-check.service.j2",
    "roles/backup_agent/files/kinds/postgresql.py": "roles/backup_agent/vars/main/kinds.yml",
    "plugins/modules/postgresql_recovery.py": "roles/postgresql/tasks/restore/recover.yml",
}


def wanted(task: dict[str, Any]) -> set[str]:
    """Sorts of session that a task may open; empty where it opens none."""
    for module, arguments in task.items():
        if module.startswith(MODULES) and isinstance(arguments, dict):
            if arguments.get("login_user") in CLIENTS:
                return set()
            if "password" in arguments or "password" in (arguments.get("named_args") or {}):
                return {"secret"}
            if arguments.get("login_user") in READERS or OWNED.search(str(arguments.get("query", ""))):
                return {"reader"}
            return {"reading", "writing"}
        argv = arguments.get("argv") if isinstance(arguments, dict) else None
        if isinstance(argv, list) and (
            PROGRAMS.search(str(argv[0])) or (argv[0] == "pgbackrest" and OF_PGBACKREST & set(argv))
        ):
            return {"reading", "writing"}
    return set()


def unpinned(tasks: Any) -> list[str]:
    """Tasks whose session is not of the sort that it should be, and arguments that libpq would read as a connection string."""
    found = []
    for task in tasks_of(tasks):
        sorts = wanted(task)
        said = str(task.get("environment", ""))
        if sorts and not any(re.search(rf"sessions(?:\))?\.{sort}\b", said) for sort in sorts):
            found.append(f"{task['name']}: environment of {sorted(sorts)}")
        argv = next((value["argv"] for value in task.values() if isinstance(value, dict) and "argv" in value), [])
        if isinstance(argv, list) and argv and PROGRAMS.search(str(argv[0])):
            found += [
                f"{task['name']}: {part}" for part in map(str, argv[1:]) if re.match(r"(?:--dbname=|-d)?\s*\{\{", part)
            ]
    return found


def test_every_session_of_a_role_pins_its_settings(role: Path) -> None:
    files = sorted((role / "tasks").glob("**/*.yml"))
    found = [
        f"{path.relative_to(role)}: {problem}"
        for path in files
        for problem in unpinned(yaml.safe_load(path.read_text(encoding="utf-8")))
    ]
    assert not found


def test_no_session_is_opened_in_a_playbook(files: list[Path]) -> None:
    playbooks = [path for path in files if path.is_relative_to(ROOT / "playbooks") and path.suffix == ".yml"]
    assert playbooks
    for path in playbooks:
        for entry in yaml.safe_load(path.read_text(encoding="utf-8")) or []:
            if isinstance(entry, dict):
                every = [task for part in ("pre_tasks", "tasks", "post_tasks") for task in entry.get(part) or []]
                assert not [task["name"] for task in tasks_of([entry, *every]) if wanted(task)], path


def test_every_program_that_opens_a_session_pins_its_settings(files: list[Path]) -> None:
    for path in files:
        name = str(path.relative_to(ROOT))
        if PLACES.fullmatch(name):
            text = path.read_text(encoding="utf-8")
            if SCRIPTS.search(re.sub(r"(?m)^\s*#.*$", "", text)):
                assert "PGOPTIONS" in text or name in STARTED_BY, name
    for name, starter in STARTED_BY.items():
        assert SCRIPTS.search((ROOT / name).read_text(encoding="utf-8")), f"{name} opens no session any more"
        assert re.search(r"sessions\)?\.(?:reading|agent)", (ROOT / starter).read_text(encoding="utf-8")), starter


@pytest.mark.parametrize(
    ("task", "problem"),
    [
        ({"community.postgresql.postgresql_query": {"login_db": "postgres"}}, "environment of ['reading', 'writing']"),
        ({"ansible.builtin.command": {"argv": ["psql", "--no-psqlrc"]}}, "environment of ['reading', 'writing']"),
        ({"ansible.builtin.command": {"argv": ["pgbackrest", "check"]}}, "environment of ['reading', 'writing']"),
        ({"drillbook.platform.postgresql_recovery": {"unit": "x"}}, "environment of ['reading', 'writing']"),
        (
            {"community.postgresql.postgresql_user": {"password": "p"}, "environment": "{{ __x_sessions.writing }}"},
            "environment of ['secret']",
        ),
        (
            {
                "community.postgresql.postgresql_query": {"query": "select max(counter) from drillbook.heartbeat"},
                "environment": "{{ __x_sessions.reading }}",
            },
            "environment of ['reader']",
        ),
        (
            {
                "ansible.builtin.command": {"argv": ["{{ bin }}/pg_dump", "--dbname={{ name }}"]},
                "environment": "{{ __x_sessions.reading }}",
            },
            "--dbname={{ name }}",
        ),
    ],
)
def test_a_session_that_others_can_bend_is_found(task: dict[str, Any], problem: str) -> None:
    assert unpinned([{"block": [{"name": "x", **task}]}]) == [f"x: {problem}"]
