"""SIGKILL while a sandbox host is made: what is left of it is removed by the ledger of the run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.contract.ec2_drills.sandbox_driver import RUN
from tests.contract.ec2_drills.test_killed import ROOT, wait_for
from tests.contract.machine_drills.driver import Driver
from tests.support.ec2_drills import DRILLS

from drillbook.providers.ec2.drill import removal

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.ec2_drills.sandbox_world import SandboxWorld


def inventory(sandboxes: SandboxWorld) -> dict[str, Any]:
    """The region's, with a sandbox host in it."""
    found = sandboxes.region.inventory()
    place = sandboxes.place().model_dump(mode="json")
    found["all"]["children"].append("sandbox")
    found["all"]["vars"]["drillbook_providers"] = [place]
    found["all"]["vars"]["drillbook_sandboxes"] = [{"host": "sandbox1", "provider": "aws"}]
    variables = {
        "ansible_ssh_private_key_file": str(sandboxes.private_key),
        "ansible_ssh_common_args": sandboxes.host.arguments,
    }
    found["sandbox"] = {"hosts": ["sandbox1"], "vars": variables}
    return found


def start(sandboxes: SandboxWorld) -> subprocess.Popen[str]:
    file = sandboxes.region.state_directory.parent / "inventory.json"
    file.write_text(json.dumps(inventory(sandboxes)), encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, "-m", "tests.contract.ec2_drills.sandbox_driver", str(file)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([f"{ROOT}/scripts", str(ROOT), *filter(None, sys.path)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


MOMENTS: dict[str, Callable[[SandboxWorld], bool]] = {
    "CreateNetworkInterface": lambda _sandboxes: bool(DRILLS.of("CreateNetworkInterface")),
    "RunInstances": lambda _sandboxes: bool(DRILLS.of("RunInstances")),
    "the first login": lambda sandboxes: bool(sandboxes.host.logins),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_sigkill_is_cleaned_up_by_a_successor(
    sandboxes: SandboxWorld, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is done a second after it was asked for is done after the kill: the successor has to wait for it."""
    monkeypatch.setattr(removal, "SETTLED", timedelta(seconds=4))
    DRILLS.slow = {moment: 1.0}
    child = start(sandboxes)
    if moment == "the first login":
        wait_for(lambda: bool(DRILLS.of("RunInstances")) or child.poll() is not None, "RunInstances")
        sandboxes.host.boot(sandboxes.user_data(), done=False)
    wait_for(lambda: MOMENTS[moment](sandboxes) or child.poll() is not None, moment)
    assert child.poll() is None, child.communicate()
    os.kill(child.pid, signal.SIGKILL)
    child.communicate(timeout=10)
    (entry,) = Driver(inventory(sandboxes)).cleaner().clean()
    assert (entry.left, entry.problem) == ((), None)
    assert sandboxes.region.left() == set()
    asked = [name for name, _parameters in DRILLS.asked if name.startswith(("Create", "Run"))]
    assert asked, "something was made"


def test_a_whole_one_leaves_the_way_to_it_in_the_run_s_directory(sandboxes: SandboxWorld) -> None:
    child = start(sandboxes)
    wait_for(lambda: bool(DRILLS.of("RunInstances")) or child.poll() is not None, "RunInstances")
    sandboxes.host.boot(sandboxes.user_data())
    stdout, stderr = child.communicate(timeout=60)
    assert child.returncode == 0, stdout + stderr
    directory = sandboxes.region.state_directory / "runs" / RUN
    (written,) = [path for path in directory.iterdir() if path.suffix in (".yml", ".yaml")]
    said = yaml.safe_load(written.read_text())["all"]["hosts"]["sandbox1"]
    assert said["ansible_user"] == "admin"
    assert said["ansible_host"].startswith("10.9.1.")
    own = sandboxes.host.read("etc/ssh/ssh_host_ed25519_key.pub").split()
    assert (directory / "known_hosts").read_text().split() == ["sandbox1", *own[:2]]
    private = yaml.safe_load(sandboxes.user_data())["ssh_keys"]["ed25519_private"].splitlines()[3]
    assert [path for path in directory.rglob("*") if path.is_file() and private in path.read_text()] == []
    (entry,) = Driver(inventory(sandboxes)).cleaner().clean()
    assert (entry.left, entry.problem, sandboxes.region.left()) == ((), None, set())
