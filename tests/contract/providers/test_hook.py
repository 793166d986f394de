"""The whole way with the service's own playbooks: the command line, a group, a cluster, and Ansible on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.contract.providers.proxmox import HOSTS, ProxmoxWorld
from tests.contract.providers.test_groups import ROOT, Shop

FIXTURE = ROOT / "tests/fixtures/hook"
# The command line as it is, with the playbooks of the tests.
DRILLBOOK = f"""
from pathlib import Path
import drillbook.app
drillbook.app.platform_root = lambda: Path({str(FIXTURE)!r})
from drillbook.cli import main
main()
"""
HOOK = {
    "quiesce": "hook",
    "quiesce_playbook": "playbooks/quiesce_files.yml",
    "resume_playbook": "playbooks/resume_files.yml",
}


class HookedShop(Shop):
    """Each member has a file that says how its service is."""

    def __init__(self, world: ProxmoxWorld, directory: Path, **variables: Any) -> None:
        super().__init__(world, directory, **HOOK)
        self.files = directory / "files"
        self.files.mkdir()
        everywhere = self.inventory / "group_vars/all.yml"
        own = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "rest_directory": str(self.files),
            "rest_seconds": 0,
            "rest_fails": False,
            **variables,
        }
        everywhere.write_text(everywhere.read_text() + yaml.safe_dump(own), encoding="utf-8")

    def run(self, *arguments: str) -> tuple[int, Any, str]:
        """Like the other one's."""
        done = subprocess.run(
            [sys.executable, "-c", DRILLBOOK, "snapshot", *arguments, "--inventory", str(self.inventory), "--json"],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        return done.returncode, json.loads(done.stdout or "null"), done.stderr

    def says(self) -> dict[str, str]:
        return {path.name: path.read_text(encoding="utf-8") for path in self.files.iterdir()}


def test_a_group_is_taken_while_its_service_is_at_rest(proxmox: ProxmoxWorld, tmp_path: Path) -> None:
    shop = HookedShop(proxmox, tmp_path)
    code, made, said = shop.run("create", "shop")
    assert (code, made["state"], made["quiesced"], made["members"]) == (0, "whole", True, list(HOSTS)), said
    name = made["name"]
    assert said.splitlines() == [
        "the service of shop is at rest",
        f"{name}: shop-db",
        f"{name}: shop-web1, shop-web2",
        "the service of shop goes on",
    ]
    assert shop.says() == dict.fromkeys(HOSTS, "goes on")
    for host in HOSTS:
        (shop.files / host).write_text("at rest")
    assert shop.run("thaw", "shop")[0] == 0
    assert shop.says() == dict.fromkeys(HOSTS, "goes on")


def test_of_a_service_that_is_busy_nothing_is_taken(proxmox: ProxmoxWorld, tmp_path: Path) -> None:
    shop = HookedShop(proxmox, tmp_path, rest_fails=True)
    code, answer, _ = shop.run("create", "shop")
    assert (code, "the service is busy" in answer["error"]["message"]) == (3, True)
    assert shop.world.control.served("POST") == []
    assert shop.says() == dict.fromkeys(HOSTS, "goes on")


@pytest.mark.parametrize("options", [(), ("--check",)])
def test_a_playbook_that_is_not_there_is_refused(
    proxmox: ProxmoxWorld, tmp_path: Path, options: tuple[str, ...]
) -> None:
    shop = Shop(proxmox, tmp_path, **{**HOOK, "resume_playbook": "playbooks/nobody_wrote_it.yml"})
    code, answer, _ = shop.run("create", "shop", *options)
    assert (code, "there is no playbooks/" in answer["error"]["message"]) == (2, True)
    assert shop.world.control.served("POST") == []
