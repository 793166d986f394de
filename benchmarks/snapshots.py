"""How a group's snapshot grows with its machines: seconds, calls and memory of the client, against the test server of Proxmox VE.

The server does nothing but answer, so this is what drillbook itself costs. Each size runs in a process of its own, three times;
the sizes run in turn, so that a busy machine disturbs all alike.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

from drillbook.clock import SystemClock
from drillbook.model import MachineGroup, ProxmoxPlace, Quiesce, Retention
from drillbook.providers import open_snapshots
from drillbook.snapshots import GroupSnapshots, Limits
from support.results import ROOT, keep

NODES = 20
SIZES = (50, 100, 250, 500)
AT_ONCE = 8
ROUNDS = 3
ROOT_TOKEN = {"id": "root@pam!bench", "secret": "bench"}


def hosts(count: int) -> tuple[str, ...]:
    """Names of the machines of a group of this size."""
    return tuple(f"vm{number}" for number in range(1000, 1000 + count))


def peak_mib() -> float:
    """The most memory that this process has had, in MiB; getrusage would count its parent's from before exec."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def one(count: int, place: ProxmoxPlace) -> dict[str, float]:
    """Take a set of so many machines and say what that cost this process."""
    group = MachineGroup("all", place.name, (hosts(count),), Quiesce.NONE, False, timedelta(hours=1), Retention())
    clock = SystemClock()
    provider = open_snapshots(place, clock)
    limits = Limits(AT_ONCE, timedelta(minutes=5))
    snapshots = GroupSnapshots(provider, clock, limits, guard=lambda _: nullcontext(), tell=lambda _: None)
    began = time.monotonic()
    machines = provider.find(group.hosts)
    snapshots.refuse(group, machines)
    planned = time.monotonic() - began
    made = snapshots.create(group, machines)
    return {
        "plan": planned,
        "create": time.monotonic() - began - planned,
        "members": len(made.snapshots),
        "peak_mib": peak_mib(),
    }


def measure(count: int) -> dict[str, float]:
    """Start a cluster of so many machines and return what `one` says, in a process of its own, with the calls it made.

    To plan asks whether each can be snapshotted, and to take the set asks again: that is one call more than `snapshot create` makes.
    """
    sys.path.insert(0, str(ROOT))
    from tests.support.proxmox import ProxmoxServer, add_machine, empty_cluster  # noqa: PLC0415 - beside the package
    from tests.support.proxmox.state import Token  # noqa: PLC0415 - likewise

    state = empty_cluster(NODES)
    for number, host in enumerate(hosts(count)):
        add_machine(state, 1000 + number, f"pve{number % NODES + 1}", "thin", name=host).status = "running"
    state.users["root@pam"].tokens["bench"] = Token(ROOT_TOKEN["secret"], privsep=False)
    with ProxmoxServer(state) as server, tempfile.TemporaryDirectory() as tokens:
        (Path(tokens) / "snapshots.json").write_text(json.dumps(ROOT_TOKEN), encoding="utf-8")
        told = subprocess.run(
            [sys.executable, __file__, "--one", str(count), str(server.port), server.ca, tokens],
            check=True,
            capture_output=True,
            text=True,
        )
        served = server.control.served()
        if server.control.invalid():
            sys.exit(f"a request that the schema does not know: {server.control.invalid()[0]}")
    found: dict[str, float] = json.loads(told.stdout)
    return {**found, "calls_each": len(served) / count}


def main() -> int:
    """Measures, writes the raw results, prints a line for each size; exits 1 where a set was not whole."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--one", nargs=4, metavar=("COUNT", "PORT", "CA", "TOKENS"), help=argparse.SUPPRESS)
    only = parser.parse_args().one
    if only:
        place = ProxmoxPlace("bench", "127.0.0.1", int(only[1]), Path(only[2]), Path(only[3]))
        print(json.dumps(one(int(only[0]), place)))
        return 0
    found: dict[int, list[dict[str, float]]] = {size: [] for size in SIZES}
    for _ in range(ROUNDS):
        for size in SIZES:
            found[size].append(measure(size))
    if any(entry["members"] != size for size, entries in found.items() for entry in entries):
        sys.exit("a set was not whole")
    seconds = {
        f"{step}_{size}": [round(entry[step], 3) for entry in entries]
        for size, entries in found.items()
        for step in ("plan", "create")
    }
    peaks = {str(size): [round(entry["peak_mib"], 1) for entry in entries] for size, entries in found.items()}
    calls = {str(size): [round(entry["calls_each"], 2) for entry in entries] for size, entries in found.items()}
    medians = keep("snapshots", seconds, nodes=NODES, at_once=AT_ONCE, peak_mib=peaks, calls_for_each_machine=calls)
    for size in SIZES:
        each = medians[f"create_{size}"] / size * 1000
        print(
            f"{size} machines: {each:.1f} ms and {calls[str(size)][0]} calls each, peak {max(peaks[str(size)]):.0f} MiB"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
