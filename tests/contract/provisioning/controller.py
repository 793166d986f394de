"""The controller of an operator: a copy of an example inventory with a vault of its own, and the tree's playbooks."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[3]
TIMEOUT_SECONDS = 120
_RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=\d+\s+failed=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Done:
    """What a command left."""

    status: int
    output: str

    def sentence(self) -> str:
        """The output in one line: messages are wrapped."""
        return " ".join(self.output.split())

    def changed(self) -> dict[str, int]:
        """How many tasks changed something, by host."""
        return {host: int(changed) for host, changed, _failed in _RECAP.findall(self.output)}


class Controller:
    """Runs Ansible in a tree that differs from the repository only in its inventory."""

    def __init__(self, home: Path, inventory: str, secrets: Mapping[str, str], places: Mapping[str, str]) -> None:
        self.home = home
        self.inventory = home / "inventories" / inventory
        shutil.copytree(ROOT / "inventories" / inventory, self.inventory)
        shutil.copy(ROOT / "ansible.cfg", home)
        shutil.copytree(ROOT / ".collections", home / ".collections", symlinks=True)
        for name in ("playbooks", "plugins", "roles"):
            (home / name).symlink_to(ROOT / name)
        for path in self.inventory.rglob("*.yml"):
            text = path.read_text(encoding="utf-8")
            for example, real in places.items():
                text = text.replace(example, real)
            path.write_text(text, encoding="utf-8")
        (home / "password").write_text("the vault's password\n", encoding="utf-8")
        self.environment = {**os.environ, "ANSIBLE_VAULT_PASSWORD_FILE": str(home / "password"), "ANSIBLE_NOCOLOR": "1"}
        self.environment.pop("REQUESTS_CA_BUNDLE", None)
        self.vault = self.inventory / "group_vars/all/vault.yml"
        self.seal(secrets)

    def seal(self, secrets: Mapping[str, str]) -> None:
        """Write the vaulted file as the how-to says."""
        self.vault.write_text("".join(f"{key}: {value}\n" for key, value in secrets.items()), encoding="utf-8")
        assert self.command("ansible-vault", "encrypt", str(self.vault)).status == 0

    def provision(self, *arguments: str, variables: Mapping[str, Any] | None = None) -> Done:
        """Run the playbook."""
        more = ["-e", json.dumps(variables)] if variables else []
        return self.command("ansible-playbook", "-i", str(self.inventory), "playbooks/provision.yml", *arguments, *more)

    def hosts(self) -> dict[str, Any]:
        """What ansible-inventory prints."""
        done = self.command("ansible-inventory", "-i", str(self.inventory), "--list", merged=False)
        assert done.status == 0, done.output
        found: dict[str, Any] = json.loads(done.output)
        return found

    def command(self, program: str, *arguments: str, merged: bool = True) -> Done:
        """Run a program of the virtual environment."""
        done = subprocess.run(
            [str(Path(sys.executable).with_name(program)), *arguments],
            cwd=self.home,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )
        return Done(done.returncode, done.stdout)
