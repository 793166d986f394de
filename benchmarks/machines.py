"""How work on a group grows with its machines: seconds, calls and memory of the client, against the test server of Proxmox VE.

The server does nothing but answer, so this is what drillbook itself costs. Each size runs in a process of its own, three times;
the sizes run in turn, so that a busy machine disturbs all alike.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from support.machines import ACTIONS, do
from support.results import ROOT, keep

SIZES = (50, 100, 250, 500)
ROUNDS = 3


def measure(action: str, count: int) -> dict[str, float]:
    """Start a cluster of so many machines and return what `do` says, in a process of its own, with the calls for each machine."""
    from tests.support.proxmox import ProxmoxServer  # noqa: PLC0415 - likewise

    from support.cluster import inventory, shop  # noqa: PLC0415 - it needs the tree on the path

    with ProxmoxServer(shop(count, backed_up=action == "drill")) as server, tempfile.TemporaryDirectory() as directory:
        told = Path(directory) / "inventory.json"
        told.write_text(json.dumps(inventory(server, count, Path(directory))), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, __file__, "--one", action, str(told)],
            check=False,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'scripts'}{os.pathsep}{ROOT}"},
        )
        if done.returncode != 0:
            sys.exit(f"{action} of {count} machines failed")
        served = server.control.served()
        if server.control.invalid():
            sys.exit(f"a request that the schema does not know: {server.control.invalid()[0]}")
    found: dict[str, float] = json.loads(done.stdout)
    if found.pop("members") != count:
        sys.exit(f"{action} of {count} machines was not whole")
    return {**found, "calls_each": len(served) / count}


def benchmark(action: str) -> None:
    """Measure one action in all sizes, keep its raw results and print a line for each size."""
    found: dict[int, list[dict[str, float]]] = {size: [] for size in SIZES}
    for _ in range(ROUNDS):
        for size in SIZES:
            found[size].append(measure(action, size))
    steps = [step for step in found[SIZES[0]][0] if step not in ("peak_mib", "calls_each")]
    seconds = {
        f"{step}_{size}": [round(entry[step], 3) for entry in entries]
        for step in steps
        for size, entries in found.items()
    }
    peaks = {str(size): [round(entry["peak_mib"], 1) for entry in entries] for size, entries in found.items()}
    calls = {str(size): [round(entry["calls_each"], 2) for entry in entries] for size, entries in found.items()}
    from support.cluster import AT_ONCE, NODES  # noqa: PLC0415 - it needs the tree on the path

    medians = keep(
        f"machines_{action}", seconds, nodes=NODES, at_once=AT_ONCE, peak_mib=peaks, calls_for_each_machine=calls
    )
    for size in SIZES:
        each = medians[f"run_{size}"] / size * 1000
        print(
            f"{action}, {size} machines: {each:.1f} ms and {calls[str(size)][0]} calls each, "
            f"peak {max(peaks[str(size)]):.0f} MiB"
        )


def main() -> int:
    """Measures the actions that are named, or all of them; exits with a sentence where one was not whole."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", nargs="*", choices=[*ACTIONS, []], help="default: all")
    parser.add_argument("--one", nargs=2, metavar=("ACTION", "INVENTORY"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(do(asked.one[0], Path(asked.one[1]))))
        return 0
    sys.path.insert(0, str(ROOT))
    for action in asked.action or ACTIONS:
        benchmark(action)
    return 0


if __name__ == "__main__":
    sys.exit(main())
