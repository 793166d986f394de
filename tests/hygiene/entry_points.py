"""What playbooks use of roles, and what an entry point reads of its callers."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

COLLECTION = "drillbook.platform."
"""How the full name of each role and plugin of this tree begins."""
ROLE_USES = tuple(f"ansible.builtin.{how}_role" for how in ("include", "import"))
TASK_FILES = tuple(f"ansible.builtin.{how}_tasks" for how in ("include", "import"))
PARTS_OF_A_PLAY = ("pre_tasks", "tasks", "post_tasks", "block", "rescue", "always")
# What is an expression without braces.
BARE = {"when", "that", "until", "failed_when", "changed_when"}
EXPRESSION = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}", re.DOTALL)
LAYERS = "inventories/lab/group_vars/all/lab.yml"


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None


def specs(role: Path) -> dict[str, dict[str, Any]]:
    """The role's specs by entry point."""
    return (load(role / "meta/argument_specs.yml") or {}).get("argument_specs", {})


def tasks(entries: object) -> Iterator[dict[str, Any]]:
    """All tasks of a file, those of its plays and blocks included."""
    for entry in entries if isinstance(entries, list) else []:
        yield entry
        for part in PARTS_OF_A_PLAY:
            yield from tasks(entry.get(part))


def strings(value: object) -> Iterator[str]:
    """All strings in a value; keys are none of them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from strings(part)


def named(task: dict[str, Any], name: str, root: Path) -> list[str]:
    """The roles that a task may mean: for a loop those of its list, of its variables, or of the lab's layers."""
    if "{{" not in name:
        return [name.removeprefix(COLLECTION)]
    loop = task.get("loop")
    if isinstance(loop, list):
        return loop
    if "lab_build_roles" in str(loop):
        return [role for layer in load(root / LAYERS)["lab_layers"].values() for role in layer["roles"]]
    return list(strings(task.get("vars"))) or [name]


def used(root: Path) -> set[str]:
    """`role: entry point` of every role that a playbook of the tree uses."""
    found = set()
    for task in (task for path in sorted((root / "playbooks").rglob("*.yml")) for task in tasks(load(path))):
        for use in (task[key] for key in ROLE_USES if key in task):
            found |= {f"{role}: {use.get('tasks_from', 'main')}" for role in named(task, use["name"], root)}
        listed = (role["role"] if isinstance(role, dict) else role for role in task.get("roles", []))
        found |= {f"{role.removeprefix(COLLECTION)}: main" for role in listed}
    return found


def expressions(value: object, *, bare: bool = False) -> Iterator[str]:
    """What Ansible evaluates of a value."""
    if isinstance(value, str):
        yield from [value] if bare else ["".join(groups) for groups in EXPRESSION.findall(value)]
    elif isinstance(value, list):
        for part in value:
            yield from expressions(part, bare=bare)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from expressions(part, bare=key in BARE)


def words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in re.findall(r"\w+", text)}


def variables(folder: Path) -> dict[str, Any]:
    """What a folder of a role (`vars` or `defaults`) gives to its variables."""
    return {name: value for path in sorted(folder.rglob("*.yml")) for name, value in (load(path) or {}).items()}


def beside(folder: Path, name: str) -> list[Path]:
    """The files that a name may mean; an expression in it may be anything."""
    pattern = re.sub(r"\{\{.*?\}\}", "*", name)
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in files if fnmatch(path.relative_to(folder).as_posix(), pattern))


def included(task: dict[str, Any]) -> str | None:
    """The task file that a task includes or imports."""
    return next((use["file"] if isinstance(use, dict) else use for key in TASK_FILES if (use := task.get(key))), None)


def run(role: Path, entry: str) -> list[dict[str, Any]]:
    """All tasks that an entry point may run within its role."""
    found: list[dict[str, Any]] = []
    pending, seen = [role / "tasks" / f"{entry}.yml"], set()
    while pending:
        path = pending.pop()
        if path not in seen:
            seen.add(path)
            new = list(tasks(load(path)))
            found += new
            pending += [file for task in new if (name := included(task)) for file in beside(role / "tasks", name)]
    return found


def kept(steps: Iterable[dict[str, Any]]) -> set[str]:
    """The facts that tasks set."""
    return {name for task in steps for name in task.get("ansible.builtin.set_fact", {}) if name != "cacheable"}


def read(role: Path, entry: str) -> set[str]:
    """Every name that an entry point evaluates: in its tasks, their templates and handlers, and in the role's own variables."""
    own = {**variables(role / "defaults"), **variables(role / "vars")}
    handlers = {handler["name"]: handler for handler in load(role / "handlers/main.yml") or []}
    found: set[str] = set()
    given: set[str] = set()
    for task in run(role, entry):
        found |= words(expressions({key: value for key, value in task.items() if key not in PARTS_OF_A_PLAY}))
        notified = task.get("notify", [])
        notified = [notified] if isinstance(notified, str) else notified
        found |= words(expressions([handlers[name] for name in notified if name in handlers]))
        if included(task):
            given |= set(task.get("vars", {}))
        source = (task.get("ansible.builtin.template") or {}).get("src")
        for template in beside(role / "templates", source) if source else []:
            found |= words(expressions(template.read_text(encoding="utf-8")))
    behind = list(found)
    while behind:
        new = words(expressions(own.get(behind.pop()))) - found
        found |= new
        behind += new
    return found - given
