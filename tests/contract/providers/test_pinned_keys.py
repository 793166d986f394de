"""The host key that a provider read is the only one that a run's playbooks believe, whatever the inventory and the configuration say."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from tests.contract.providers.lab import ROOT, LabWorld
from tests.contract.providers.test_lab_sandboxes import HOST, KEY, RUN, reachable, sandboxes_on, template, world

from drillbook.machines.drill import write_run_inventory
from drillbook.model import Login

pytestmark = pytest.mark.lab
__all__ = ["reachable", "world"]
LIMIT = timedelta(seconds=60)
ANYBODY = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
CARELESS = {
    "ANSIBLE_HOST_KEY_CHECKING": "False",
    "ANSIBLE_SSH_ARGS": ANYBODY,
}
MITOGEN = {"ANSIBLE_STRATEGY_PLUGINS": str(ROOT / "plugins/strategy"), "ANSIBLE_STRATEGY": "mitogen_unpinned"}


def make_key(path: Path) -> str:
    """Make a key pair; return its public half, without the comment."""
    subprocess.run(["/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return " ".join(path.with_suffix(".pub").read_text(encoding="utf-8").split()[:2])


def test_no_other_key_is_believed(world: LabWorld, reachable: str, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other")
    make_key(tmp_path / "host")
    make_key(tmp_path / "user")
    template(
        world,
        reachable,
        f"--volume={tmp_path}/host:{KEY}:ro",
        f"--volume={tmp_path}/host.pub:{KEY}.pub:ro",
        f"--volume={tmp_path}/user.pub:/root/.ssh/authorized_keys:ro",
    )
    sandboxes = sandboxes_on(world, reachable)
    machine = sandboxes.make(sandboxes.claim("sandbox1", RUN, ()), HOST, LIMIT)
    reached = sandboxes.reach(machine, LIMIT)
    careless = {
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(tmp_path / "user"),
        "ansible_ssh_common_args": ANYBODY,
        "ansible_host_key_checking": False,
    }
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"sandbox1": careless}}}), encoding="utf-8")
    run = tmp_path / "a run"
    run.mkdir()
    for strategy, refusal in ({}, "Host key verification failed"), (MITOGEN, "unrecognized or mismatching host key"):
        for key, answer in ((other, refusal), (reached.host_key, "ping: pong")):
            written = write_run_inventory(run, "sandbox1", Login(reached.variables, key))
            assert answer in pinged(tmp_path / "hosts.yml", written, {**CARELESS, **strategy})


def pinged(inventory: Path, written: Path, environment: dict[str, str]) -> str:
    """What Ansible says of a host that it logs in to: by plain ssh, where the environment given says nothing else."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_STRATEGY")}
    done = subprocess.run(
        [
            Path(sys.executable).with_name("ansible"),
            "-i",
            inventory,
            "-i",
            written,
            "sandbox1",
            "-m",
            "ansible.builtin.ping",
        ],
        env={**own, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr
