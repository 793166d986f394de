"""Every role has the same shape, and says the same in its defaults, its specs and its README."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.hygiene.conftest import tasks_of

ROOT = Path(__file__).resolve().parent.parent.parent
SKELETON = ("README.md", "meta/main.yml", "meta/argument_specs.yml", "tasks/main.yml", "tasks/preflight.yml")
# `certificates` signs where the authority's key lies, `isolation` has the controller ask who is not to answer the sandbox; the lab's own
# roles act on the controller about other hosts.
MAY_DELEGATE = {"certificates", "isolation", "lab_host", "lab_image", "lab_machine"}
# Steps that the lab's playbooks call one by one; they configure no service.
TOOLS = {"lab_host", "lab_image", "lab_machine"}
INSTALLING = {"packages": {"install.yml", "update.yml"}}
FORBIDDEN = {
    r"\bignore_errors\b": "a failure is handled or it fails",
    r"\{\{\s*item\b|\bitem\.": "loop variables are named with loop_var",
    r"\bansible_(distribution|os_family|hostname|default_ipv4|env|virtualization_type)\b": "facts are ansible_facts['x']",
    r"\b(groups|hostvars)\[": "playbooks pass lists in; a role knows no inventory",
}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def defaults_of(role: Path) -> dict[str, Any]:
    paths = [role / "defaults/main.yml", *sorted((role / "defaults/main").glob("*.yml"))]
    return {key: value for path in paths if path.exists() for key, value in load(path).items()}


def options_of(role: Path) -> dict[str, dict[str, Any]]:
    entries = load(role / "meta/argument_specs.yml")["argument_specs"].values()
    return {name: option for entry in entries for name, option in (entry.get("options") or {}).items()}


def test_skeleton(role: Path) -> None:
    wanted = SKELETON[:3] if role.name in TOOLS else SKELETON
    missing = [name for name in wanted if not (role / name).exists()]
    assert not missing


def test_there_are_handlers_where_something_notifies(role: Path) -> None:
    notified = {
        name
        for path in role.glob("tasks/**/*.yml")
        for task in tasks_of(load(path))
        for name in ([task["notify"]] if isinstance(task.get("notify"), str) else task.get("notify", []))
    }
    handlers = role / "handlers/main.yml"
    known = {
        name for task in (load(handlers) if handlers.exists() else []) for name in (task["name"], task.get("listen"))
    }
    assert notified <= known


def test_defaults_and_specs_agree_in_keys_and_values(role: Path) -> None:
    specified = {name: option["default"] for name, option in options_of(role).items() if "default" in option}
    assert defaults_of(role) == specified


def test_required_variables_have_no_default(role: Path) -> None:
    assert not [name for name, option in options_of(role).items() if option.get("required") and "default" in option]


def test_every_variable_is_described(role: Path) -> None:
    assert not [
        name for name, option in options_of(role).items() if not option.get("description") or "type" not in option
    ]


def test_public_variables_carry_the_name_of_the_role(role: Path) -> None:
    assert not [name for name in options_of(role) if not name.startswith(f"{role.name}_")]


def test_no_password_has_a_default(role: Path) -> None:
    secret = re.compile(r"(password|secret|cipher_pass|_token|(?<!_public)_key)$")
    allowed = {"etcd_initial_cluster_token"}  # it tells clusters apart and protects nothing
    assert not [name for name in defaults_of(role) if secret.search(name) and name not in allowed]


def test_packages_are_installed_only_by_install(role: Path) -> None:
    elsewhere = [
        f"{path.relative_to(role)}: {task.get('name')}"
        for path in role.glob("tasks/**/*.yml")
        if path.name not in INSTALLING.get(role.name, {"install.yml"}) and "install" not in path.relative_to(role).parts
        for task in tasks_of(load(path))
        if {"name", "deb"} & set(task.get("ansible.builtin.apt") or {})
    ]
    assert not elsewhere


def test_main_is_an_index_with_tags(role: Path) -> None:
    if role.name in TOOLS:
        pytest.skip("a tool of the lab's playbooks, not a service")
    for task in tasks_of(load(role / "tasks/main.yml")):
        action = next(
            (key for key in task if key.startswith(("ansible.builtin.import_", "ansible.builtin.include_"))), None
        )
        assert action, f"{task.get('name')}: tasks/main.yml only imports"
        if action == "ansible.builtin.import_tasks":
            tags = task.get("tags", [])
            assert role.name in tags, f"{task['name']}: tags"
            assert len(tags) > 1, f"{task['name']}: a tag of its phase"
            assert all(tag == role.name or tag.startswith(f"{role.name}_") for tag in tags), f"{task['name']}: tags"


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_nothing_forbidden_in_tasks(role: Path, pattern: str) -> None:
    found = [
        f"{path.relative_to(role)}:{number}: {line.strip()}"
        for path in role.glob("tasks/**/*.yml")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if not line.lstrip().startswith("#") and re.search(pattern, line)
    ]
    assert not found, FORBIDDEN[pattern]


def test_no_delegation(role: Path) -> None:
    if role.name in MAY_DELEGATE:
        pytest.skip("this role acts on another host by design")
    found = [
        str(path) for path in role.glob("tasks/**/*.yml") for task in tasks_of(load(path)) if "delegate_to" in task
    ]
    assert not found


def test_group_vars_named_after_a_role_set_only_what_it_knows() -> None:
    unknown = []
    for path in ROOT.glob("inventories/*/group_vars/*/*.yml"):
        role = ROOT / "roles" / path.stem
        if (role / "meta/argument_specs.yml").exists():
            known = options_of(role)
            unknown += [
                f"{path.relative_to(ROOT)}: {key}"
                for key in load(path)
                if key.startswith(f"{path.stem}_") and key not in known
            ]
    assert not unknown


def test_readmes_are_up_to_date() -> None:
    checked = subprocess.run(
        [sys.executable, str(ROOT / "scripts/role_readme.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert checked.returncode == 0, f"{checked.stdout}{checked.stderr}Run scripts/role_readme.py."


SESSIONS = re.compile(r"(?:^|/)(?:psql|pg_dump|pg_amcheck)$")


def sessions_without_a_port(tasks: Any) -> list[str]:
    """Tasks that open a database session where the cluster's port is not said: they ask another server, or none."""
    found = []
    for task in tasks_of(tasks):
        for module, arguments in task.items():
            argv = arguments.get("argv") or [] if isinstance(arguments, dict) else []
            if module.startswith("community.postgresql.") and "login_port" not in arguments:
                found.append(task["name"])
            if (
                argv
                and SESSIONS.search(argv[0])
                and not any(str(part).startswith(("--port=", "--host=")) for part in argv)
            ):
                found.append(task["name"])
    return found


def test_every_database_session_says_its_port(role: Path) -> None:
    """A role that is given another port must not ask the default one."""
    files = sorted((role / "tasks").glob("**/*.yml"))
    assert [f"{path.relative_to(role)}: {name}" for path in files for name in sessions_without_a_port(load(path))] == []


@pytest.mark.parametrize(
    "task",
    [
        {"name": "x", "community.postgresql.postgresql_query": {"login_db": "postgres"}},
        {"name": "x", "ansible.builtin.command": {"argv": ["psql", "--no-psqlrc"]}},
        {"name": "x", "ansible.builtin.command": {"argv": ["{{ bin }}/pg_dump", "--format=custom"]}},
    ],
)
def test_a_session_without_a_port_is_found(task: dict[str, Any]) -> None:
    assert sessions_without_a_port([{"block": [task]}]) == ["x"]


def asked_through_a_proxy(tasks: Any, variables: dict[str, Any] | None = None) -> list[str]:
    """Tasks that ask a service of ours over HTTP, and would go through a proxy that the host's environment names."""
    found = []
    for task in tasks_of(tasks):
        if task.get("ansible.builtin.uri", {"use_proxy": False}).get("use_proxy") is not False:
            found.append(task["name"])
        argv = (task.get("ansible.builtin.command") or {}).get("argv") or [""]
        if argv[0] == "etcdctl":
            environment = task.get("environment") or {}
            if isinstance(environment, str):
                environment = (variables or {})[environment.strip("{} ")]
            if environment.get("NO_PROXY") != "*":
                found.append(task["name"])
    return found


def test_our_own_services_are_asked_without_a_proxy(role: Path) -> None:
    variables: dict[str, Any] = {}
    for path in role.glob("vars/**/*.yml"):
        variables |= load(path)
    files = sorted((role / "tasks").glob("**/*.yml"))
    found = [
        f"{path.relative_to(role)}: {name}" for path in files for name in asked_through_a_proxy(load(path), variables)
    ]
    assert found == []


@pytest.mark.parametrize(
    "task",
    [
        {"name": "x", "ansible.builtin.uri": {"url": "https://localhost"}},
        {"name": "x", "ansible.builtin.uri": {"url": "https://localhost", "use_proxy": True}},
        {"name": "x", "ansible.builtin.command": {"argv": ["etcdctl", "member", "list"]}},
        {"name": "x", "ansible.builtin.command": {"argv": ["etcdctl", "del"]}, "environment": {"ETCDCTL_API": "3"}},
    ],
)
def test_what_goes_through_a_proxy_is_found(task: dict[str, Any]) -> None:
    assert asked_through_a_proxy([{"block": [task]}]) == ["x"]


# The object store is a single host, updated by hand: docs/how-to/day-two.md says so.
WITHOUT_UPDATE = {"^ceph", "^rados"}


def never_updated(held: list[str], patterns: list[str]) -> list[str]:
    """What unattended updates leave alone and no role's update brings to a newer version.

    A pattern without an end holds every package whose name goes on from there.
    """
    names = {hold: hold.strip("^$") + ("" if hold.endswith("$") else "-17") for hold in held}
    covered = re.compile("|".join(patterns) or "(?!)")
    return [hold for hold, name in names.items() if hold not in WITHOUT_UPDATE and not covered.fullmatch(name)]


def test_what_is_held_has_a_way_to_be_updated() -> None:
    patterns = [
        pattern
        for path in ROOT.glob("roles/*/vars/**/*.yml")
        for name, value in load(path).items()
        if name.endswith("_update_patterns")
        for pattern in value
    ]
    assert never_updated(defaults_of(ROOT / "roles/host_baseline")["host_baseline_updates_hold"], patterns) == []


@pytest.mark.parametrize("held", ["^redis", "^patroni$", "^postgresql"])
def test_what_is_never_updated_is_found(held: str) -> None:
    assert never_updated([held], ["postgresql", "patroni-doc"]) == [held]
