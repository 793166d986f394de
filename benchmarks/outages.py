"""How long writes stop at a planned switchover and when the primary's server process is killed, as a client at the balancer notices.

The two happen in turn, in one run, under the same load. A commit that was acknowledged and is lost ends the benchmark.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from drillbook_lab.lab import DATABASE_HOSTS, Lab
from drillbook_lab.traffic.under_load import under_load
from support.results import ROOT, keep

if TYPE_CHECKING:
    from collections.abc import Callable

COME_TOGETHER = timedelta(minutes=2)
AIM_SECONDS = 2.0
KILL = "kill -KILL $(head -1 /var/lib/postgresql/17/main/postmaster.pid)"


def switch_over(lab: Lab) -> None:
    """Hand the lead over, by the playbook that an operator runs."""
    lab.playbook(
        "switchover_postgresql", variables={"switchover_service": "main", "switchover_confirm": "postgresql_main"}
    )


def crash(lab: Lab) -> None:
    """Kill the primary's postmaster."""
    lab.podman("exec", lab.container(lab.leader()), "sh", "-c", KILL)


EVENTS: dict[str, Callable[[Lab], None]] = {"planned_switchover": switch_over, "process_crash": crash}


def main() -> int:
    """Measures, writes the raw result, prints a line for each event; exits 1 where the aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    seconds: dict[str, list[float]] = {name: [] for name in EVENTS}
    with tempfile.TemporaryDirectory(prefix="drillbook-bench-") as place:
        directory = Path(place)
        lab = Lab(ROOT, os.environ["DRILLBOOK_LAB"], directory)
        for number in range(1, rounds + 1):
            for name, event in EVENTS.items():
                lab.wait_for_members(len(DATABASE_HOSTS), COME_TOGETHER)
                path = directory / f"{name}-{number}.tsv"
                seen = under_load(lab, path, lambda happen=event: happen(lab), wait_seconds=12)
                if seen.lost or not seen.acknowledged:
                    sys.exit(f"{name}: {seen.lost} of {seen.acknowledged} acknowledged commits lost")
                seconds[name].append(round(seen.outage_seconds, 2))
                print(f"round {number} of {rounds}: {name} {seconds[name][-1]} s", flush=True)
    medians = keep("outages", seconds, aim_seconds=AIM_SECONDS)
    for name, median in medians.items():
        print(f"{name}: median write outage {median:.2f} s (aim: at most {AIM_SECONDS} s)")
    return 0 if max(medians.values()) <= AIM_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
