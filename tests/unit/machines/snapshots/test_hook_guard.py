"""A controller that is killed leaves no service at rest: real playbooks, a real guard, a real SIGKILL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from drillbook.process import marked_processes

ROOT = Path(__file__).resolve().parents[4]
FIXTURE = ROOT / "tests/fixtures/hook"
MEMBERS = ("shop-db", "shop-web1")
# The words that it prints are the moments that the tests wait for.
CONTROLLER = """
import sys, time
from functools import partial
from pathlib import Path
from drillbook.app import App
from drillbook.machines.snapshots import ServiceHook
from drillbook.machines.snapshots.guard import guarded_hook

opened = App([Path(sys.argv[1])], root=Path(sys.argv[2]))
hooked = opened.hooked(opened.configuration.machine_group("shop"))
hooked.refuse()
print(hooked.run_id, flush=True)
with ServiceHook(opened.playbooks(), hooked).at_rest(partial(guarded_hook, hooked), partial(print, flush=True)):
    time.sleep(float(sys.argv[3]))
"""


class Shop:
    """A service of two hosts, and a host beside it that is none of its business; each has a file that says how it is."""

    def __init__(self, directory: Path, **variables: Any) -> None:
        self.files = directory / "files"
        self.files.mkdir()
        self.state = directory / "state"
        self.inventory = directory / "inventory"
        (self.inventory / "group_vars").mkdir(parents=True)
        everywhere = {
            "ansible_connection": "local", "ansible_python_interpreter": sys.executable,
            "rest_directory": str(self.files), "rest_seconds": 0, "rest_fails": False, **variables,
            "drillbook_state_directory": str(self.state),
            "drillbook_object_store": {
                "endpoint": "https://store.example.org", "evidence_bucket": "e",
                "heartbeat_bucket": "h", "credentials_directory": str(directory),
            },
            "drillbook_evidence": {
                "directory": str(directory / "log"), "signing_key_file": str(directory / "key.pem"), "anchored": False,
            },
            "drillbook_providers": [{"name": "aws", "kind": "ec2", "region": "eu-central-1"}],
        }  # fmt: skip
        own = {
            "drillbook_machines": {
                "provider": "aws", "quiesce": "hook", "quiesce_timeout_seconds": 30,
                "quiesce_playbook": "playbooks/quiesce_files.yml", "resume_playbook": "playbooks/resume_files.yml",
            }
        }  # fmt: skip
        hosts = {"shop": {"hosts": dict.fromkeys(MEMBERS)}, "others": {"hosts": {"mail": None}}}
        for name, content in {"hosts.yml": hosts, "group_vars/all.yml": everywhere, "group_vars/shop.yml": own}.items():
            (self.inventory / name).write_text(yaml.safe_dump(content), encoding="utf-8")

    def controller(self, seconds: float) -> subprocess.Popen[str]:
        """Start one that has the service at rest for so long; its standard output is to be read."""
        return subprocess.Popen(
            [sys.executable, "-c", CONTROLLER, str(self.inventory), str(FIXTURE), str(seconds)],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def says(self) -> dict[str, str]:
        return {path.name: path.read_text(encoding="utf-8") for path in self.files.iterdir()}

    def wait_for(self, word: str) -> None:
        deadline = time.monotonic() + 60
        while self.says() != dict.fromkeys(MEMBERS, word):
            assert time.monotonic() < deadline, f"not '{word}': {self.says()}"
            time.sleep(0.1)


@pytest.mark.parametrize(
    ("word", "variables"), [("at rest", {}), ("on the way", {"rest_seconds": 60})], ids=["at rest", "on the way there"]
)
def test_the_guard_lets_the_service_go_on(tmp_path: Path, word: str, variables: dict[str, Any]) -> None:
    shop = Shop(tmp_path, **variables)
    with shop.controller(60) as child:
        assert child.stdout is not None
        run_id = child.stdout.readline().strip()
        shop.wait_for(word)
        os.kill(child.pid, signal.SIGKILL)
    shop.wait_for("goes on")
    deadline = time.monotonic() + 20
    while marked_processes(run_id) or list((shop.state / "hooks").iterdir()):
        assert time.monotonic() < deadline, f"left: {marked_processes(run_id)}"
        time.sleep(0.1)
    assert shop.says() == dict.fromkeys(MEMBERS, "goes on")


def test_a_service_that_is_busy_goes_on_and_its_words_are_told(tmp_path: Path) -> None:
    shop = Shop(tmp_path, rest_fails=True)
    with shop.controller(60) as child:
        said, error = child.communicate(timeout=60)
    assert child.returncode != 0
    assert "could not be brought to rest, and no snapshot was taken: the service is busy" in error
    assert "is at rest" not in said
    assert shop.says() == dict.fromkeys(MEMBERS, "goes on")
