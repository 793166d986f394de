"""What a drill of roles does first, as a process of its own: it has its sandbox host made. Argument: a file with the inventory's JSON."""

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from sys import argv

from drillbook.clock import SystemClock
from drillbook.config import Inventory, configuration
from drillbook.journal.ledger import Ledger
from drillbook.machines.drill import make_sandbox
from drillbook.providers import open_sandboxes

RUN = "dead"


@dataclass(frozen=True)
class DeadRun:
    """Implements `Claimant`: what is left of a run that was killed is its ledger."""

    run_id: str
    ledger: Ledger


def main(inventory: Path) -> int:
    """Make the inventory's sandbox host for the run `RUN`."""
    found = configuration(Inventory.parse(json.loads(inventory.read_text(encoding="utf-8"))))
    (sandbox,) = found.sandboxes
    directory = found.state_directory / "runs" / RUN
    directory.mkdir(parents=True)
    clock = SystemClock()
    run = DeadRun(RUN, Ledger(directory, clock))
    make_sandbox(open_sandboxes(found.provider(sandbox.provider), clock), sandbox, clock, run, timedelta(seconds=60))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(argv[1])))
