"""site.yml passes over hosts of services that others built: it does not even connect to them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
GROUPS = ("etcd", "postgresql", "load_balancers", "object_store")


def play(folder: Path, inventory: dict[str, Any], playbook: str, *options: str) -> tuple[int, str]:
    """Exit status and output of one of the project's playbooks."""
    (folder / "hosts.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    program = str(Path(sys.executable).parent / "ansible-playbook")
    done = subprocess.run(
        [program, "-i", str(folder / "hosts.yml"), str(ROOT / "playbooks" / playbook), *options],
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout


def site(folder: Path, *, managed: bool) -> tuple[int, str]:
    """site.yml over one host in every group, which nobody can reach."""
    service = {"name": "deeds", "kind": "postgresql", "managed": managed}
    hosts = {"theirs1": {"ansible_host": "127.0.0.1", "ansible_port": 1, "drillbook_service": service}}
    children = {**{group: {"hosts": {"theirs1": {}}} for group in GROUPS}, "sandbox": {"hosts": {}}}
    return play(folder, {"all": {"hosts": hosts, "children": children}}, "site.yml")


def test_site_leaves_alone_what_others_built(tmp_path: Path) -> None:
    code, said = site(tmp_path, managed=False)
    assert code == 0, said
    assert not re.search(r"theirs1 .*(?:ok|changed|unreachable|failed)=[1-9]", said), said


def test_it_would_have_reached_for_its_own(tmp_path: Path) -> None:
    code, said = site(tmp_path, managed=True)
    assert (code, "unreachable=1" in said) == (4, True), said


def test_a_backup_that_nobody_would_take_is_refused(tmp_path: Path) -> None:
    """Every host of the play would leave it, and the run would end well."""
    local = {"ansible_connection": "local"}
    service = {"drillbook_service": {"name": "deeds", "managed": False}}
    theirs = {"hosts": {"theirs1": local}, "vars": service}
    children = {"postgresql": {"hosts": {"own1": local}}, "theirs": theirs}
    code, said = play(tmp_path, {"all": {"children": children}}, "backup_postgresql.yml", "-e", "backup_service=deeds")
    assert code == 2, said
    assert "drillbook does not configure deeds." in " ".join(said.split())
