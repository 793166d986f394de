"""A drill as a process of its own, with real ansible-runner and harmless playbooks: what the kill tests kill.

Arguments: state directory, repository root of the fake playbooks, `run` or `clean`. Prints the outcome as JSON.
"""

import json
import sys
from pathlib import Path

from tests.unit.world import inventory_json, removers

from drillbook.ansible.runner import AnsibleRunnerPlaybooks
from drillbook.clock import SystemClock
from drillbook.config import Inventory, configuration
from drillbook.evidence import EvidenceLog, Signer
from drillbook.run.clean import Cleaner
from drillbook.run.gate import Gate
from drillbook.run.plan import plan_drill
from drillbook.run.record import Who
from drillbook.run.runner import DrillRunner
from drillbook.run.tools import Tools


def main(state: Path, root: Path, verb: str, *options: str) -> int:
    clock = SystemClock()
    settings = configuration(Inventory.parse(inventory_json(state, **json.loads(options[0] if options else "{}"))))
    playbooks = AnsibleRunnerPlaybooks(root=root, inventories=[root / "hosts"], clock=clock)
    evidence = EvidenceLog(state / "evidence", Signer.load_or_create(state / "key.pem"), clock.now, None)
    cleaner = Cleaner(state, clock, removers(playbooks), evidence)
    if verb == "clean":
        print(json.dumps([entry.as_json() for entry in cleaner.clean()]))  # noqa: T201 - its output is its answer
        return 0
    tools = Tools(
        clock=clock,
        playbooks=playbooks,
        removers=removers(playbooks),
        work=lambda _plan, _stops: None,
        evidence=evidence,
        gate=Gate(state / "runs", clock, lambda _mode: ()),
        published=lambda _service: (),
        cleaner=cleaner,
        who=Who("driver@here", "0"),
        state_directory=state,
        clock_offset_limit=settings.clock_offset_limit,
    )
    outcome = DrillRunner(tools).run(plan_drill(settings, settings.drill("main-latest")))
    print(json.dumps(outcome.record))  # noqa: T201 - its output is its answer
    return outcome.exit_code


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
