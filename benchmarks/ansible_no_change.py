"""How long site.yml takes on a configured lab where nothing changes: Mitogen beside plain ssh.

The two run in turn, so that a busy machine disturbs both alike; the figure is the ratio of their medians. A run that changes or fails
anything is no measurement and ends the benchmark.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

import ansible_mitogen

from support.environment import without_strategy
from support.results import ROOT, keep

RUN_TIMEOUT_SECONDS = 1800
AIM = 0.35
# Mitogen's own strategy pins processes to cores; ours leaves them where there is room. In both the lab's containers are not pinned.
STRATEGIES = {
    "mitogen": ROOT / "plugins/strategy",
    "mitogen_pinned": Path(next(iter(ansible_mitogen.__path__))) / "plugins/strategy",
}
NAMES = {"mitogen": "mitogen_unpinned", "mitogen_pinned": "mitogen_linear"}
WAYS = ("plain_ssh", *STRATEGIES)


def environment(way: str) -> dict[str, str]:
    """The environment of one way: Mitogen comes by variables."""
    inherited = without_strategy() | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    if way in STRATEGIES:
        inherited |= {"ANSIBLE_STRATEGY": NAMES[way], "ANSIBLE_STRATEGY_PLUGINS": str(STRATEGIES[way])}
    return inherited


def measure(way: str) -> float:
    """Seconds of one run that changes nothing."""
    began = time.monotonic()
    completed = subprocess.run(
        ["ansible-playbook", "playbooks/site.yml"],  # noqa: S607 # scripts/bench puts the environment's bin first
        cwd=ROOT,
        env=environment(way),
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_TIMEOUT_SECONDS,
    )
    seconds = time.monotonic() - began
    recap = completed.stdout.rpartition("PLAY RECAP")[2]
    changed = [int(count) for count in re.findall(r"\bchanged=(\d+)", recap)]
    if completed.returncode != 0 or not changed or any(changed):
        sys.exit(f"site.yml ({way}) failed or changed something; converge the lab first.\n{completed.stdout[-3000:]}")
    return seconds


def main() -> int:
    """Measures, writes the raw result, prints a line; exits 1 where the aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    measure("mitogen")  # opens the connections and warms the caches of both
    for number in range(1, rounds + 1):
        for way in WAYS:
            seconds[way].append(round(measure(way), 2))
            print(f"round {number} of {rounds}: {way} {seconds[way][-1]} s", flush=True)
    medians = keep("ansible_no_change", seconds, aim_ratio=AIM)
    ratio = medians["mitogen"] / medians["plain_ssh"]
    print(
        f"Mitogen takes {ratio:.2f} of plain ssh (aim: at most {AIM}), and {medians['mitogen'] / medians['mitogen_pinned']:.2f} of its own pinned strategy"
    )
    return 0 if ratio <= AIM else 1


if __name__ == "__main__":
    sys.exit(main())
