"""SIGKILL while a task of each kind runs: the successor removes exactly what was made, and nothing that a ledger merely claims."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.machine_drills.world import HOSTS, RANGE
from tests.support.proxmox import add_machine

from drillbook.clock import SystemClock
from drillbook.journal.ledger import Ledger, machine_resource
from drillbook.model import Claim, Verdict
from drillbook.providers.proxmox.drill_machines import run_tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.machine_drills.driver import Driver
    from tests.contract.machine_drills.world import DrillWorld

ROOT = Path(__file__).resolve().parents[3]
# A kind of task that takes long, and how the test sees that it has begun.
MOMENTS = ("qmcreate", "qmrestore", "qmstart", "qmstop", "qmdestroy")


def start(world: DrillWorld, verb: str) -> subprocess.Popen[str]:
    inventory = world.state_directory.parent / "inventory.json"
    inventory.write_text(json.dumps(world.inventory()), encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, "-m", "tests.contract.machine_drills.driver", str(inventory), verb],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}/scripts:{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(child: subprocess.Popen[str]) -> Any:
    stdout, stderr = child.communicate(timeout=90)
    assert stdout, stderr
    return json.loads(stdout)


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def running(world: DrillWorld, kind: str) -> bool:
    return any(task.kind == kind and not task.exitstatus for task in list(world.server.state.tasks.values()))


@pytest.mark.parametrize("moment", MOMENTS)
def test_sigkill_is_cleaned_up_by_a_successor(world: DrillWorld, moment: str) -> None:
    world.control.faults(slow={moment: 2.0})
    child = start(world, "run")
    wait_for(lambda: running(world, moment) or child.poll() is not None, moment)
    assert child.poll() is None, child.communicate()
    os.kill(child.pid, signal.SIGKILL)
    child.communicate(timeout=10)
    world.control.repair()
    before = set(world.drill_guests())
    cleaned = finish(start(world, "clean"))
    assert [(entry["left"], entry["closed"], entry["problem"]) for entry in cleaned] == [([], True, None)]
    assert world.drill_guests() == []
    assert world.scratch() == [], "nor a disk that no configuration names"
    assert before or moment == "qmdestroy", "nothing was there to be cleaned"


def test_sigterm_ends_the_run_in_the_ordinary_way(world: DrillWorld) -> None:
    world.control.faults(slow={"qmrestore": 8.0})
    child = start(world, "run")
    wait_for(lambda: running(world, "qmrestore"), "qmrestore")
    os.kill(child.pid, signal.SIGTERM)
    record = finish(child)
    assert (record["verdict"], record["leftovers"]) == ("ERROR", [])
    assert "SIGTERM" in record["error"]["message"]
    assert world.drill_guests() == []


def hostile(world: DrillWorld, driver: Driver, identifier: str, run_id: str = "dead") -> list[str]:
    """A dead run's ledger that claims what is not its own; returns what the successor says."""
    directory = world.state_directory / "runs" / "dead"
    directory.mkdir(parents=True)
    Ledger(directory, SystemClock()).intend(machine_resource(Claim("cluster", "shop-db", identifier, run_id)))
    (entry,) = driver.cleaner().clean()
    assert entry.left == (f"machine cluster: {identifier}",)
    return [str(entry.problem)]


CLAIMS = {
    "a machine of production": ("qemu/100", "is not in the drill range"),
    "another's in the range, not in the pool": (
        "qemu/9001",
        "is not in the pool drill, so this drill may not even read it",
    ),
    "another run's in range and pool": ("qemu/9002", "does not carry the tag drillbook-dead"),
    "another's with nothing but a name": ("qemu/9003", "does not carry the tag drillbook-dead"),
}


@pytest.mark.parametrize("what", CLAIMS)
def test_a_hostile_ledger_removes_nothing(world: DrillWorld, driver: Driver, what: str) -> None:
    state = world.server.state
    add_machine(state, 9001, "pve3", "ceph", tags=run_tag("dead"))
    add_machine(state, 9002, "pve3", "ceph", tags=run_tag("alive"))
    add_machine(state, 9003, "pve3", "ceph").config = {"name": "kept"}
    state.pools["drill"].vms = [9002, 9003]
    identifier, why = CLAIMS[what]
    (said,) = hostile(world, driver, identifier)
    assert why in said
    assert set(state.guests) == {*HOSTS.values(), *RANGE[1:4]}
    assert [one for one in world.control.served("DELETE") if one["status"] == 200] == []


def test_what_a_creation_without_a_worker_left_is_told_with_what_removes_it(world: DrillWorld, driver: Driver) -> None:
    world.control.faults(no_worker={"qmcreate": 1})
    outcome = driver.run()
    assert "got no worker upid - start worker failed" in outcome.record["error"]["message"]
    assert (outcome.exit_code, len(outcome.record["leftovers"])) == (4, 1)
    (number,) = world.drill_guests()
    (entry,) = driver.cleaner().clean()
    assert f"qm unlock {number}; qm destroy {number}" in str(entry.problem)
    del world.server.state.guests[number]
    (entry,) = driver.cleaner().clean()
    assert (entry.problem, driver.run().verdict) == (None, Verdict.PASS)


def test_a_claim_of_another_run_is_left_alone(world: DrillWorld, driver: Driver) -> None:
    add_machine(world.server.state, 9002, "pve3", "ceph", tags=run_tag("alive"))
    world.server.state.pools["drill"].vms = [9002]
    (said,) = hostile(world, driver, "qemu/9002", run_id="alive")
    assert "of the run alive: left alone" in said
    assert 9002 in world.server.state.guests


def test_a_lock_that_stays_is_named(world: DrillWorld, driver: Driver) -> None:
    directory = world.state_directory / "runs" / "dead"
    directory.mkdir(parents=True)
    Ledger(directory, SystemClock()).intend(machine_resource(Claim("cluster", "shop-db", "qemu/9000", "dead")))
    add_machine(world.server.state, 9000, "pve3", "ceph", tags=run_tag("dead"), lock="backup")
    world.server.state.pools["drill"].vms = [9000]
    driver.removers = type(driver.removers)(driver.removers.machines, driver.removers.timeout / 20)
    (entry,) = driver.cleaner().clean()
    assert "still locked (backup)" in str(entry.problem)
    assert 9000 in world.server.state.guests
