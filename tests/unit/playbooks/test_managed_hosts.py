"""site.yml passes over hosts of services that others built: it does not even connect to them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
GROUPS = ("etcd", "postgresql", "load_balancers", "object_store")


def site(folder: Path, *, managed: bool) -> tuple[int, str]:
    """site.yml over one host in every group, which nobody can reach."""
    service = {"name": "deeds", "kind": "postgresql", "managed": managed}
    hosts = {"theirs1": {"ansible_host": "127.0.0.1", "ansible_port": 1, "drillbook_service": service}}
    inventory = {"all": {"hosts": hosts, "children": {group: {"hosts": {"theirs1": {}}} for group in GROUPS}}}
    inventory["all"]["children"]["sandbox"] = {"hosts": {}}
    (folder / "hosts.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "ansible-playbook"),
            "-i",
            str(folder / "hosts.yml"),
            str(ROOT / "playbooks/site.yml"),
        ],
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_SSH_RETRIES": "0",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout


def test_site_leaves_alone_what_others_built(tmp_path: Path) -> None:
    code, said = site(tmp_path, managed=False)
    assert code == 0, said
    assert not re.search(r"theirs1 .*(?:ok|changed|unreachable|failed)=[1-9]", said), said


def test_it_would_have_reached_for_its_own(tmp_path: Path) -> None:
    code, said = site(tmp_path, managed=True)
    assert (code, "unreachable=1" in said) == (4, True), said
