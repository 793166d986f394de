"""Thaws machines whose controller died while they were frozen.

It is a process of its own: it holds the other end of a pipe, and a pipe whose writer is gone ends. ``python -m
drillbook.snapshots.guard`` is told on its standard input whom to thaw, and later that there is nothing left to do.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import get_args

from drillbook import process
from drillbook.clock import SystemClock
from drillbook.errors import DrillbookError
from drillbook.model import Machine, Place, Power
from drillbook.providers import open_snapshots
from drillbook.snapshots.concurrently import concurrently

_DONE = "done\n"
_AT_ONCE = 64
_PLACES: Mapping[str, type[Place]] = {place.__name__: place for place in get_args(Place)}


@contextmanager
def guarded(place: Place, machines: Sequence[Machine], timeout: timedelta) -> Iterator[None]:
    """Have a guard for the length of the block; whoever leaves it orderly has thawed them."""
    order = {
        "kind": type(place).__name__,
        "place": asdict(place),
        "machines": [[machine.host, machine.identifier, machine.place] for machine in machines],
        "timeout_seconds": timeout.total_seconds(),
    }
    first = json.dumps(order, default=lambda path: {"path": str(path)}) + "\n"
    with process.outliving([sys.executable, "-m", "drillbook.snapshots.guard"], first) as guard:
        yield
        guard.tell(_DONE)


def main() -> int:
    """Wait for the end of the pipe, then thaw; 0 when there was nothing to do or all go on."""
    order = json.loads(
        sys.stdin.readline(), object_hook=lambda found: Path(found["path"]) if "path" in found else found
    )
    if sys.stdin.readline() == _DONE:
        return 0
    place = _PLACES[order["kind"]](**order["place"])
    machines = [Machine(host, identifier, place, Power.RUNNING) for host, identifier, place in order["machines"]]
    snapshots, timeout = open_snapshots(place, SystemClock()), timedelta(seconds=order["timeout_seconds"])
    outcomes = concurrently(machines, lambda machine: snapshots.thaw(machine, timeout), _AT_ONCE)
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    for outcome in failed:
        sys.stderr.write(f"drillbook: {outcome.machine.host} is still frozen: {outcome.error}\n")
    return DrillbookError.exit_code if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
