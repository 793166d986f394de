"""What a drill of an almost empty database costs, phase by phase: seconds on the clock, and processor seconds of the controller.

With so little data, nearly all of it is the tool. Mitogen and plain ssh run in turn, each pair after a backup, so that both replay as
little. A drill that is not PASS but for a missed RTO is no measurement and ends the benchmark.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys

from support.environment import without_strategy
from support.results import ROOT, keep

DRILL = "postgresql-latest"
TIMEOUT_SECONDS = 900
AIM_RTO_SECONDS = AIM_PROCESSOR_SECONDS = 15.0
WAYS = {"mitogen": {"DRILLBOOK_MITOGEN": "1"}, "plain_ssh": {"DRILLBOOK_MITOGEN": ""}}
RTO_MISSED = 1
"""Exit code of a drill that proves everything, and takes too long."""


def environment(way: str) -> dict[str, str]:
    """The environment of one way."""
    return {**without_strategy(), "DRILLBOOK_INVENTORY": str(ROOT / "inventories/lab"), **WAYS[way]}


def measure(way: str) -> dict[str, float]:
    """Seconds of each phase of one drill, of its RTO, and of the processors, for the programs of the controller alone."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    completed = subprocess.run(
        ["drillbook", "drill", "run", DRILL, "--json"],  # noqa: S607 # scripts/bench puts the environment's bin first
        cwd=ROOT,
        env=environment(way),
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if completed.returncode not in (0, RTO_MISSED):
        sys.exit(f"the drill ended with {completed.returncode}:\n{completed.stdout[-3000:]}{completed.stderr[-3000:]}")
    record = json.loads(completed.stdout)
    (track,) = record["tracks"]
    if failed := [check["name"] for check in record["checks"] if check["status"] == "failed"]:
        sys.exit(f"checks failed: {', '.join(failed)}")
    return {
        **{f"phase {phase['name']}": phase["seconds"] for phase in track["phases"]},
        "rto": track["rto"]["actual_seconds"],
        "whole run": record["total_seconds"],
        "processor, user": after.ru_utime - before.ru_utime,
        "processor, system": after.ru_stime - before.ru_stime,
    }


def back_up() -> None:
    """Take a backup of the lab's cluster, which the next drills restore."""
    subprocess.run(
        ["ansible-playbook", "playbooks/backup_postgresql.yml", "-e", "backup_service=main", "-e", "backup_type=full"],  # noqa: S607 # as above
        cwd=ROOT,
        env=environment("mitogen"),
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=TIMEOUT_SECONDS,
    )


def main() -> int:
    """Measures, writes the raw result, prints a line for each figure; exits 1 where an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    seconds: dict[str, list[float]] = {}
    for number in range(1, rounds + 1):
        back_up()
        for way in WAYS:
            for name, value in measure(way).items():
                seconds.setdefault(f"{way}: {name}", []).append(round(value, 2))
            print(f"round {number} of {rounds}: {way}, RTO {seconds[f'{way}: rto'][-1]} s", flush=True)
    medians = keep(
        "drill_overhead", seconds, aim_rto_seconds=AIM_RTO_SECONDS, aim_processor_seconds=AIM_PROCESSOR_SECONDS
    )
    for name, median in medians.items():
        print(f"{name}: median {median:.2f} s of {rounds} ({min(seconds[name])} to {max(seconds[name])})")
    processor = medians["mitogen: processor, user"] + medians["mitogen: processor, system"]
    print(
        f"RTO {medians['mitogen: rto']:.2f} s (aim: at most {AIM_RTO_SECONDS}), processor {processor:.2f} s (aim: at most {AIM_PROCESSOR_SECONDS})"
    )
    return 0 if medians["mitogen: rto"] <= AIM_RTO_SECONDS and processor <= AIM_PROCESSOR_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
