"""Thaws machines, or lets a service go on, whose controller died while they were at rest.

It is a process of its own: it holds the other end of a pipe, and a pipe whose writer is gone ends. ``python -m
drillbook.machines.snapshots.guard`` is told on its standard input whom to thaw, or which playbook to run, and later that there is
nothing left to do.
"""

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from drillbook import process
from drillbook.clock import SystemClock
from drillbook.concurrently import concurrently
from drillbook.errors import DrillbookError
from drillbook.machines.snapshots.hook import Hooked, Release, ServiceHook
from drillbook.machines.snapshots.rest import thaw_machine
from drillbook.model import Machine, Power, QuiesceHook
from drillbook.providers import open_snapshots
from drillbook.providers.place import Place, read_place

_DONE = "done\n"
_AT_ONCE = 64
_KILLED_POLL_SECONDS = 0.1


@contextmanager
def guarded(place: Place, machines: Sequence[Machine], timeout: timedelta) -> Iterator[None]:
    """Have a guard for the length of the block; whoever leaves it orderly has thawed them."""
    order = {
        "place": place.model_dump(mode="json"),
        "machines": [[machine.host, machine.identifier, machine.place] for machine in machines],
        "timeout_seconds": timeout.total_seconds(),
    }
    with _guard(order) as guard:
        yield
        guard.tell(_DONE)


@contextmanager
def guarded_hook(hooked: Hooked) -> Iterator[Release]:
    """Have a guard for the length of the block that runs the resume playbook unless it was released before."""
    hook = {**asdict(hooked.hook), "timeout": hooked.hook.timeout.total_seconds()}
    order = {"hooked": {**asdict(hooked), "hook": hook}}
    with _guard(order) as guard:
        yield lambda: guard.tell(_DONE)


def _guard(order: Mapping[str, Any]) -> AbstractContextManager[process.Outliving]:
    first = json.dumps(order, default=lambda path: {"path": str(path)}) + "\n"
    return process.outliving([sys.executable, "-m", "drillbook.machines.snapshots.guard"], first)


def main() -> int:
    """Wait for the end of the pipe, then let all go on; 0 when there was nothing to do or all do."""
    order = json.loads(
        sys.stdin.readline(), object_hook=lambda found: Path(found["path"]) if "path" in found else found
    )
    if sys.stdin.readline() == _DONE:
        return 0
    return _resume(order["hooked"]) if "hooked" in order else _thaw(order)


def _thaw(order: Mapping[str, Any]) -> int:
    place = read_place(order["place"])
    machines = [Machine(host, identifier, place, Power.RUNNING) for host, identifier, place in order["machines"]]
    snapshots, timeout = open_snapshots(place, SystemClock()), timedelta(seconds=order["timeout_seconds"])
    outcomes = concurrently(machines, lambda machine: thaw_machine(snapshots, machine, timeout), _AT_ONCE)
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    for outcome in failed:
        sys.stderr.write(f"drillbook: {outcome.machine.host} is still frozen: {outcome.error}\n")
    return DrillbookError.exit_code if failed else 0


def _resume(told: Mapping[str, Any]) -> int:
    """First end what the controller left running: a quiesce playbook that went on would undo this."""
    from drillbook.ansible.runner import AnsibleRunnerPlaybooks  # noqa: PLC0415 - slow to load, and seldom needed

    playbooks = QuiesceHook(**{**told["hook"], "timeout": timedelta(seconds=told["hook"]["timeout"])})
    hooked = Hooked(**{**told, "hook": playbooks})
    while process.kill_marked(hooked.run_id):
        time.sleep(_KILLED_POLL_SECONDS)
    ansible = AnsibleRunnerPlaybooks(
        root=hooked.root, inventories=hooked.inventories, clock=SystemClock(), mitogen=hooked.mitogen
    )
    try:
        ServiceHook(ansible, hooked).resume()
    except DrillbookError as error:
        sys.stderr.write(f"drillbook: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
