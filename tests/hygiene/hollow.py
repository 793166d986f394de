"""A copy of the tree whose roles do nothing: their specs are checked by Ansible itself, and so is what their preflights say of variables.

So `site.yml` shows within seconds, and without a host, whether an inventory gives every role what it needs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from tests.hygiene.conftest import ROLES, ROOT

TIMEOUT_SECONDS = 120
ASSERT = "ansible.builtin.assert"
_PRIVATE = re.compile(r"\b__\w+")
# The firewall's own check looks which ports are in use on the host; this one asks of every host.
_OPENING = "host_baseline_firewall_allow | length > 0 or host_baseline_firewall_only_ssh"
# What the machine of a test is, instead of each host.
CONNECTION = {"ansible_connection": "local", "ansible_become": False}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def asked_of_variables(role: Path) -> list[dict[str, Any]]:
    """The asserts of a role's preflight that need no host: they name no fact, and nothing that a task has found out.

    Those that are asked once are one task, as each task takes a process for each host.
    """
    preflight = role / "tasks/preflight.yml"
    files = [path for path in role.glob("vars/**/*.yml") if "main" in {path.stem, path.parent.name}]
    known = {name for path in files for name in load(path) or {}}
    once, more = [_OPENING] if role.name == "host_baseline" else [], []
    for task in load(preflight) if preflight.exists() else []:
        own = {*(task.get("vars") or {}), (task.get("loop_control") or {}).get("loop_var")}
        text = str(task)
        if ASSERT not in task or "ansible_facts" in text or not set(_PRIVATE.findall(text)) <= known | own:
            continue
        if {"loop", "vars"} & task.keys():
            more.append(task)
        else:
            condition = " and ".join(f"({one})" for one in listed(task.get("when", "true")))
            once += [f"not ({condition}) or ({that})" for that in listed(task[ASSERT]["that"])]
    return [{"name": "Ask what is said once", ASSERT: {"that": once}}, *more] if once else more


def listed(value: Any) -> list[Any]:
    """One condition, or several."""
    return value if isinstance(value, list) else [value]


def hollow_tree(home: Path) -> Path:
    """Make the copy below ``home``. A restore ends there with the phase that configures the target."""
    for role in ROLES:
        copy = home / "roles" / role.name
        for entry in load(role / "meta/argument_specs.yml")["argument_specs"]:
            tasks = copy / f"tasks/{entry}.yml"
            tasks.parent.mkdir(parents=True, exist_ok=True)
            tasks.write_text(yaml.safe_dump(asked_of_variables(role) if entry == "main" else [], width=1000))
        for part in ("defaults", "meta", "vars"):
            (copy / part).symlink_to(role / part)
    (home / "plugins").symlink_to(ROOT / "plugins")
    shutil.copy(ROOT / "ansible.cfg", home)
    shutil.copytree(ROOT / ".collections", home / ".collections", symlinks=True)
    shutil.copytree(ROOT / "playbooks", home / "playbooks")
    restore = home / "playbooks/restore.yml"
    restore.write_text(yaml.safe_dump(load(restore)[:2], sort_keys=False))
    return home


def started(
    home: Path, directory: Path, *playbooks: str, variables: dict[str, Any], limit: str = "all:localhost"
) -> subprocess.Popen[str]:
    """Start Ansible in the copy, with the inventory of a directory that `drillbook init` has made. Nothing is connected to."""
    told = {**CONNECTION, **variables}
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "DRILLBOOK_"))},
        "ANSIBLE_CONFIG": str(home / "ansible.cfg"),
        "ANSIBLE_VAULT_PASSWORD_FILE": str(directory / "vault_password"),
        "ANSIBLE_GATHERING": "explicit",
        "ANSIBLE_NOCOLOR": "1",
    }
    return subprocess.Popen(
        # In check mode keys of the store that are not there yet have a stand-in.
        [
            str(Path(sys.executable).with_name("ansible-playbook")), "--check", "--limit", limit,
            "--inventory", str(directory / "inventory"), "--extra-vars", yaml.safe_dump(told, default_flow_style=True, width=10_000),
            *playbooks,
        ],
        cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def ended(running: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit status, and the output in one line, for messages are wrapped."""
    try:
        output, _ = running.communicate(timeout=TIMEOUT_SECONDS)
    finally:
        running.kill()
    return running.returncode, " ".join(output.split())
