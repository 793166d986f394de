"""What a sandbox gets of a service: the same from each layout of an inventory, and nothing that belongs to one host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
PASSWORD = "correct horse"
SECRET = "only the vault knows"
HOSTS = {
    "all": {
        "vars": {"everyone": "all", "shade": "all"},
        "hosts": {
            "db1": {"own": "of db1", "ansible_host": "192.0.2.11"},
            "sandbox1": {"ansible_connection": "local", "kept": "the sandbox's own", "where": "sandbox1"},
        },
        "children": {
            "databases": {"children": {"books": {"hosts": {"db1": {}}}}},
            "sandbox": {"hosts": {"sandbox1": {}}, "vars": {"shade": "sandbox"}},
        },
    }
}
PARENT = {
    "shade": "databases",
    "depth": "parent",
    "rendered": "{{ inventory_hostname }} of {{ drillbook_service.name }}",
}
CHILD = {
    "drillbook_service": {"name": "ledger"},
    "depth": "child",
    "kept": "the group's",
    "ansible_user": "production",
    "ansible_connection": "ssh",
}
SHOWN = ("shade", "depth", "rendered", "kept", "secret", "ansible_user", "ansible_connection", "own", "everyone")
PLAY = """\
- name: Give and show
  hosts: sandbox1
  gather_facts: false
  tasks:
    - name: Find the group
      drillbook.platform.drillbook_service_group: {service: ledger}
      register: found
    - name: Give
      drillbook.platform.drillbook_service_variables: {group: "{{ found.group }}"}
      register: given
    - name: Write what the sandbox has now
      ansible.builtin.copy:
        content: "{{ dict(names | zip(q('ansible.builtin.vars', *names, default=''))) | to_json }}"
        dest: "{{ playbook_dir }}/shown.json"
        mode: "0600"
      vars: {names: NAMES}
      no_log: true
"""


def vaulted(text: str, folder: Path) -> str:
    """The text as ansible-vault writes it."""
    done = subprocess.run(
        [str(BIN / "ansible-vault"), "encrypt_string", "--vault-password-file", str(folder / "password"), text],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


class Inventory:
    """An inventory in a folder of its own, and a playbook that gives the sandbox its variables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        (folder / "password").chmod(0o600)
        self.inventory = folder / "inventory"
        (self.inventory / "group_vars").mkdir(parents=True)

    def write(self, path: str, values: Any, extra: str = "") -> None:
        target = self.inventory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(yaml.safe_dump(values) + extra, encoding="utf-8")

    def run(self, play: str = PLAY) -> subprocess.CompletedProcess[str]:
        (self.folder / "play.yml").write_text(play.replace("NAMES", json.dumps(SHOWN)), encoding="utf-8")
        return subprocess.run(
            [
                str(BIN / "ansible-playbook"),
                "-vvv",
                "--inventory",
                str(self.inventory),
                "--vault-password-file",
                str(self.folder / "password"),
                str(self.folder / "play.yml"),
            ],
            env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def shown(self) -> dict[str, Any]:
        done = self.run()
        assert done.returncode == 0, done.stdout + done.stderr
        assert SECRET not in done.stdout + done.stderr, "a secret stands in the output"
        values: dict[str, Any] = json.loads((self.folder / "shown.json").read_text(encoding="utf-8"))
        return values


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    return Inventory(tmp_path)


def as_files(inventory: Inventory, secret: str) -> None:
    inventory.write("hosts.yml", HOSTS)
    inventory.write("group_vars/databases.yml", PARENT)
    inventory.write("group_vars/books.yml", CHILD, f"secret: {secret}")


def as_folders(inventory: Inventory, secret: str) -> None:
    inventory.write("hosts.yml", HOSTS)
    inventory.write("group_vars/databases/one.yml", PARENT)
    inventory.write("group_vars/books/one.yml", {key: value for key, value in CHILD.items() if key != "depth"})
    inventory.write("group_vars/books/two.yaml", {"depth": "child"}, f"secret: {secret}")


def in_the_inventory_file(inventory: Inventory, secret: str) -> None:
    hosts = json.loads(json.dumps(HOSTS))
    databases = hosts["all"]["children"]["databases"]
    databases["vars"] = PARENT
    databases["children"]["books"]["vars"] = {**CHILD, "secret": "PLACEHOLDER"}
    inventory.write("hosts.yml", hosts)
    path = inventory.inventory / "hosts.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("PLACEHOLDER", secret), encoding="utf-8")


def in_an_encrypted_file(inventory: Inventory, _secret: str) -> None:
    inventory.write("hosts.yml", HOSTS)
    inventory.write("group_vars/databases.yml", PARENT)
    inventory.write("group_vars/books/plain.yml", CHILD)
    inventory.write("group_vars/books/vault.yml", {"secret": SECRET})
    subprocess.run(
        [
            str(BIN / "ansible-vault"),
            "encrypt",
            "--vault-password-file",
            str(inventory.folder / "password"),
            str(inventory.inventory / "group_vars/books/vault.yml"),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )


@pytest.mark.parametrize("layout", [as_files, as_folders, in_the_inventory_file, in_an_encrypted_file])
def test_each_layout_gives_the_same(inventory: Inventory, layout: Any) -> None:
    layout(inventory, vaulted(SECRET, inventory.folder).replace("\n          ", "\n      " + " " * 20))
    assert inventory.shown() == {
        "shade": "databases",  # a service's groups outrank the group `sandbox`
        "depth": "child",  # and a child its parent
        "rendered": "sandbox1 of ledger",  # where it is used, not where it was written
        "kept": "the sandbox's own",
        "secret": SECRET,
        "ansible_user": "",
        "ansible_connection": "local",
        "own": "",  # a host's own value is not its group's
        "everyone": "all",
    }


def test_groups_beside_the_services_own_count_where_all_its_hosts_stand_in_them(inventory: Inventory) -> None:
    hosts = json.loads(json.dumps(HOSTS))
    hosts["all"]["hosts"]["db2"] = {}
    hosts["all"]["children"]["databases"]["children"]["books"]["hosts"]["db2"] = {}
    hosts["all"]["children"]["consensus"] = {"hosts": {"db1": {}, "db2": {}}, "vars": {"secret": "of both"}}
    hosts["all"]["children"]["first"] = {"hosts": {"db1": {}}, "vars": {"own": "of one"}}
    inventory.write("hosts.yml", hosts)
    inventory.write("group_vars/databases.yml", PARENT)
    inventory.write("group_vars/books.yml", CHILD)
    shown = inventory.shown()
    assert shown["secret"] == "of both"
    assert shown["own"] == ""


def test_an_unknown_service_is_refused_with_the_known_ones(inventory: Inventory) -> None:
    as_files(inventory, "none")
    done = inventory.run(PLAY.replace("{service: ledger}", "{service: legder}"))
    assert done.returncode != 0
    assert "no group is the service 'legder'" in done.stdout
    assert "Name one of: ledger." in done.stdout


def test_a_service_that_two_groups_claim_is_refused(inventory: Inventory) -> None:
    as_files(inventory, "none")
    inventory.write("group_vars/sandbox.yml", {"drillbook_service": {"name": "ledger"}})
    done = inventory.run()
    assert done.returncode != 0
    assert "2 groups are the service 'ledger'" in done.stdout


def test_two_services_are_not_mixed_in_one_host(inventory: Inventory) -> None:
    as_files(inventory, "none")
    again = (
        PLAY + "    - name: Give another's\n      drillbook.platform.drillbook_service_variables: {group: databases}\n"
    )
    done = inventory.run(again)
    assert done.returncode != 0
    assert "has the variables of books in this run already" in done.stdout


def test_giving_twice_is_the_same(inventory: Inventory) -> None:
    as_files(inventory, "none")
    again = PLAY.replace(
        "    - name: Write",
        "    - name: Give again\n      drillbook.platform.drillbook_service_variables: {group: books}\n    - name: Write",
    )
    done = inventory.run(again)
    assert done.returncode == 0, done.stdout
    assert json.loads((inventory.folder / "shown.json").read_text(encoding="utf-8"))["depth"] == "child"
