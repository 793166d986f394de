"""Kill a real drill process in each step: nothing it started lives on, and a successor closes what it left."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drillbook import process
from drillbook.clock import SystemClock
from drillbook.evidence import EvidenceLog, Signer
from drillbook.journal.ledger import Ledger, ResourceKind

ROOT = Path(__file__).resolve().parents[3]
STEPS = ("provision", "restore", "prove", "teardown")
PLAYBOOKS = {
    "provision": "provision_sandbox",
    "restore": "restore",
    "prove": "prove",
    "teardown": "teardown_sandbox",
}

PLAY = """\
- name: "(1/1) {phase}: Do it"
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Leave a trace
      ansible.builtin.copy:
        content: "{{{{ drillbook_run_id }}}}"
        dest: "{root}/trace-{step}"
        mode: "0600"
    - name: Do what takes long
      ansible.builtin.command:
        argv: [sh, -c, "test ! -e {root}/hang-{step} || {{ touch {root}/hung-{step}; exec sleep 300; }}"]
      changed_when: false
    - name: Report
      drillbook_check:
        name: "{step} done"
        stage: "{stage}"
        passed: true
"""


@dataclass
class Drill:
    """A fake repository, a state directory, and drills run in processes of their own."""

    root: Path
    state: Path

    def start(self, verb: str = "run", **drill: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.unit.run.driver", str(self.state), str(self.root), verb, json.dumps(drill)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}/scripts:{ROOT}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, child: subprocess.Popen[str]) -> tuple[int, Any]:
        stdout, stderr = child.communicate(timeout=90)
        assert stdout, stderr
        return child.returncode, json.loads(stdout)

    def hang_in(self, step: str) -> None:
        (self.root / f"hang-{step}").touch()

    def go_on(self) -> None:
        for path in self.root.glob("hang-*"):
            path.unlink()

    def ledger(self) -> Ledger:
        (path,) = sorted((self.state / "runs").glob("*/ledger.jsonl"))[-1:]
        return Ledger(path.parent, SystemClock())

    def kinds(self) -> list[str]:
        log = EvidenceLog(self.state / "evidence", Signer.load_or_create(self.state / "key.pem"), SystemClock().now)
        return [entry.kind for entry in log.entries()]


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


@pytest.fixture
def drill(tmp_path: Path) -> Iterator[Drill]:
    root, state = tmp_path / "root", tmp_path / "state"
    (root / "playbooks").mkdir(parents=True)
    state.mkdir()
    (root / "hosts").write_text(
        "localhost ansible_connection=local ansible_python_interpreter={{ansible_playbook_python}}\n"
    )
    plugins = ROOT / "plugins"
    (root / "ansible.cfg").write_text(f"[defaults]\naction_plugins={plugins}/action\nlibrary={plugins}/modules\n")
    stages = {"restore": "verify", "prove": "prove"}
    for step, name in PLAYBOOKS.items():
        phase = "verify" if step == "restore" else step
        text = PLAY.format(phase=phase, step=step, root=root, stage=stages.get(step, "gate"))
        (root / "playbooks" / f"{name}.yml").write_text(text)
    made = Drill(root, state)
    yield made
    for path in (state / "runs").glob("*"):
        process.kill_marked(path.name)


def test_undisturbed_run_leaves_nothing(drill: Drill) -> None:
    code, record = drill.finish(drill.start())
    assert record["error"] is None, record
    assert [check["name"] for check in record["checks"] if check["status"] == "passed"] == [
        "no leftovers",
        "provision done",
        "restore done",
        "prove done",
        "teardown done",
    ]
    assert [phase["name"] for phase in record["phases"]] == [
        "declare",
        "provision",
        "select",
        "verify",
        "prove",
        "teardown",
    ]
    spent = sum(phase["seconds"] for phase in record["phases"]) + record["unattributed_seconds"]
    assert spent == pytest.approx(record["total_seconds"], rel=0.01)
    assert record["leftovers"] == []
    assert code == 1  # no heartbeat was found
    run = drill.ledger().path.parent
    assert sorted(path.name for path in run.iterdir()) == ["journal.jsonl", "ledger.jsonl", "record.json"]
    assert [entry.kind for entry in drill.ledger().resources()].count(ResourceKind.PROCESS) == 4
    assert drill.ledger().outstanding() == ()


@pytest.mark.parametrize("step", STEPS)
def test_sigkill_in_a_step_is_cleaned_up_by_a_successor(drill: Drill, step: str) -> None:
    drill.hang_in(step)
    child = drill.start()
    wait_for((drill.root / f"hung-{step}").exists, f"hanging in {step}")
    ledger = drill.ledger()
    run_id = ledger.path.parent.name
    playbook = next(entry.process for entry in ledger.outstanding() if entry.kind is ResourceKind.PROCESS)
    assert playbook.alive()
    child.kill()
    child.communicate()
    wait_for(lambda: not playbook.alive(), "ansible-playbook dies with us", seconds=10)
    # The kernel's parent-death signal reaches ansible-playbook alone; its workers have sessions of their own.
    orphans = process.marked_processes(run_id)
    assert orphans, "the sleeping command is expected to live on without its parent"
    assert drill.kinds() == ["opened"]
    drill.go_on()
    (drill.root / "trace-teardown").unlink(missing_ok=True)
    _code, (cleaned,) = drill.finish(drill.start("clean"))
    assert cleaned["problem"] is None
    assert cleaned["left"] == []
    assert "machine sandbox1" in cleaned["removed"]
    assert (drill.root / "trace-teardown").read_text() == run_id
    assert not any(orphan.alive() for orphan in orphans)
    assert process.marked_processes(run_id) == ()
    assert drill.kinds() == ["opened", "closed-by-successor"]
    record = json.loads((ledger.path.parent / "record.json").read_text())
    assert record["verdict"] == "ERROR"
    assert f"step {step}" in record["error"]["where"]
    assert "was killed" in record["error"]["message"]
    _code, nothing = drill.finish(drill.start("clean"))
    assert nothing == []


def test_next_run_cleans_up_by_itself(drill: Drill) -> None:
    drill.hang_in("restore")
    child = drill.start()
    wait_for((drill.root / "hung-restore").exists, "hanging in restore")
    child.kill()
    child.communicate()
    drill.go_on()
    _code, record = drill.finish(drill.start())
    assert record["error"] is None
    assert drill.kinds() == ["opened", "closed-by-successor", "opened", "closed"]


def test_sigterm_closes_the_record_and_tears_down_and_clean_waits_for_that(drill: Drill) -> None:
    drill.hang_in("restore")
    child = drill.start()
    wait_for((drill.root / "hung-restore").exists, "hanging in restore")
    _code, cleaned = drill.finish(drill.start("clean"))
    assert cleaned == []  # it is alive, so it is left alone
    assert child.poll() is None
    child.send_signal(signal.SIGTERM)
    code, record = drill.finish(child)
    assert code == 3
    assert record["error"]["message"] == "ended by SIGTERM"
    assert record["leftovers"] == []
    assert (drill.root / "trace-teardown").exists()
    assert drill.kinds() == ["opened", "closed"]
    assert process.marked_processes(record["run_id"]) == ()


def test_hung_step_is_killed_at_its_own_timeout(drill: Drill) -> None:
    drill.hang_in("restore")
    code, record = drill.finish(drill.start(step_timeout_seconds=25))
    assert code == 3
    assert record["error"]["class"] == "StepTimeoutError"
    assert "playbooks/restore.yml was not done after 25 s" in record["error"]["message"]
    assert record["leftovers"] == []
    assert process.marked_processes(record["run_id"]) == ()
