"""One assertion of a role by itself, over hosts that differ in their variables: what it refuses, and how."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLES = Path(__file__).resolve().parents[2] / "roles"


def _tasks(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        yield from _tasks(entry["block"]) if "block" in entry else iter([entry])


def refusals(folder: Path, place: str, name: str, hosts: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Run the task `name` of the file `place` (below roles/) on all hosts at once; give each host's refusal, or "".

    It starts Ansible once. A host whose task ends in anything but a refusal of its own gives what it ended with.
    """
    entries = yaml.safe_load((ROLES / place).read_text(encoding="utf-8"))
    (task,) = [task for task in _tasks(entries) if task["name"] == name]
    play = {"hosts": "all", "gather_facts": False, "tasks": [task]}
    (folder / "play.json").write_text(json.dumps([play]), encoding="utf-8")
    (folder / "hosts.json").write_text(
        json.dumps({"all": {"hosts": hosts, "vars": {"ansible_connection": "local"}}}), encoding="utf-8"
    )
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", folder / "hosts.json", folder / "play.json"],
        env=os.environ | {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_INVENTORY_ENABLED": "yaml"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    (ran,) = json.loads(done.stdout)["plays"][0]["tasks"]
    return {host: result["msg"] if result.get("failed") else "" for host, result in ran["hosts"].items()}
