"""Filters of the lab: images named after what they are made of (built when, and only when, that changes), and who sees whom."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleFilterError

ROLES = Path(__file__).resolve().parents[2] / "roles"
RELEASES = {"bookworm": 12, "trixie": 13}
INCLUDED = re.compile(r"(?:import_tasks|include_tasks|file):\s*[\"']?([\w./-]+\.yml)")
IMPORTED = re.compile(r"import_role:\s+name:\s*[\"']?drillbook\.platform\.(\w+)")
SOURCE = re.compile(r"src:\s*[\"']?([\w./-]+)")


def _files_below(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _digest(parts: list[str], files: list[Path]) -> str:
    state = hashlib.sha256(json.dumps(parts).encode())
    for path in files:
        state.update(f"\0{path.relative_to(ROLES)}\0".encode())
        state.update(path.read_bytes())
    return state.hexdigest()[:12]


def _install_files(role: Path, task_file: str = "install.yml") -> list[Path]:
    """The install tasks of a role, the task files they include, the roles they import, and the templates and files they name."""
    tasks = role / "tasks" / task_file
    text = tasks.read_text(encoding="utf-8")
    named = [role / folder / source for source in SOURCE.findall(text) for folder in ("templates", "files")]
    included = [
        path
        for name in INCLUDED.findall(text)
        if (role / "tasks" / name).is_file()
        for path in _install_files(role, name)
    ]
    imported = [
        path
        for name in IMPORTED.findall(text)
        for folder in ("defaults", "tasks")
        for path in _files_below(ROLES / name / folder)
    ]
    return [tasks, *included, *imported, *(path for path in named if path.is_file())]


def _variables_used(role: Path, text: str) -> list[str]:
    """The role's variables that a text refers to, directly or through others, each with its value in every file that sets it."""
    values: dict[str, list[str]] = {}
    for path in [*_files_below(role / "defaults"), *_files_below(role / "vars")]:
        for name, value in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
            values.setdefault(name, []).append(f"{path.name}:{name}={json.dumps(value, sort_keys=True, default=str)}")
    used: dict[str, list[str]] = {}
    texts = [text]
    while texts:
        for name in set(re.findall(r"\w+", texts.pop())) & values.keys() - used.keys():
            used[name] = values[name]
            texts += values[name]
    return [value for name in sorted(used) for value in used[name]]


@functools.cache
def _role_inputs(name: str) -> tuple[list[str], list[Path]]:
    role = ROLES / name
    if not (role / "tasks" / "install.yml").is_file():
        raise AnsibleFilterError(
            f"lab_layers names the role {name!r}, but roles/{name}/tasks/install.yml does not exist. Correct lab_layers."
        )
    files = _install_files(role)
    return _variables_used(role, "\n".join(path.read_text(encoding="utf-8") for path in files)), files


def lab_base_tag(release: str) -> str:
    """Tag of the base image of a Debian release, as ``debian13-<digest>``."""
    if release not in RELEASES:
        raise AnsibleFilterError(f"lab_debian_release is {release!r}; known are {', '.join(RELEASES)}.")
    inputs = [
        *_files_below(ROLES / "lab_image" / "vars"),
        *_files_below(ROLES / "lab_image" / "files"),
        ROLES / "lab_image" / "tasks" / "base_one.yml",
    ]
    return f"debian{RELEASES[release]}-{_digest([release], inputs)}"


def lab_layer_tag(layer: dict[str, Any], release: str) -> str:
    """Tag of a role layer: the base it stands on, its roles' install files and the variables it is built with."""
    variables, files = zip(*(_role_inputs(role) for role in layer["roles"]), strict=True)
    own = json.dumps({str(key): value for key, value in layer["variables"].items()}, sort_keys=True, default=str)
    parts = [lab_base_tag(release), own, *(str(role) for role in layer["roles"]), *itertools.chain(*variables)]
    return f"debian{RELEASES[release]}-{_digest(parts, list(itertools.chain(*files)))}"


def lab_names_seen_from(hosts: dict[str, dict[str, str]], name: str) -> dict[str, str]:
    """The other hosts that share a network with a host, each with its address in the first one shared (production before sandbox)."""
    legs = hosts[name]
    seen = {
        other: [address for network, address in addresses.items() if network in legs]
        for other, addresses in hosts.items()
        if other != name
    }
    return {other: shared[0] for other, shared in seen.items() if shared}


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {
            "lab_base_tag": lab_base_tag,
            "lab_layer_tag": lab_layer_tag,
            "lab_names_seen_from": lab_names_seen_from,
        }
