"""A drill of machines as a process of its own: what the kill tests kill. Arguments: a file with the inventory's JSON, `run`, `restore` or `clean`."""

import json
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from tests.contract.machine_drills.world import HOSTS

from drillbook.ansible import Order, Watcher
from drillbook.app import ask_for_points, work_for
from drillbook.clock import SystemClock
from drillbook.config import Configuration, Inventory, configuration
from drillbook.evidence import EvidenceLog, Signer
from drillbook.machines.drill import ProviderMachines
from drillbook.model import Heartbeat, PointRequest, PublishedHeartbeats, RecoveryPoints
from drillbook.run.clean import Cleaner
from drillbook.run.gate import Gate
from drillbook.run.plan import Plan, plan_drill
from drillbook.run.plan_in_place import plan_in_place
from drillbook.run.record import Who
from drillbook.run.runner import DrillRunner, Outcome
from drillbook.run.teardown import Removers
from drillbook.run.tools import Tools


class NoPlaybooks:
    """A drill of machines runs none."""

    def run(self, order: Order, _watcher: Watcher, _stop_reason: Callable[[], str | None]) -> None:
        raise AssertionError(f"{order.playbook} was to be run")


class Driver:
    """Everything but the object store is real; the heartbeats that would be published there are given."""

    def __init__(self, inventory: dict[str, object], published: tuple[Heartbeat, ...] = ()) -> None:
        self.configuration: Configuration = configuration(Inventory.parse(inventory))
        self.state = self.configuration.state_directory
        self.clock = SystemClock()
        key = self.configuration.evidence.signing_key_file
        self.evidence = EvidenceLog(self.state / "evidence", Signer.load_or_create(key), self.clock.now, None)
        machines = ProviderMachines(self.configuration.provider, self.clock)
        self.removers = Removers(machines, self.configuration.machine_timeout)
        self._published = published

    def run(self, name: str = "shop-latest", *, keep: bool = False, point: PointRequest | None = None) -> Outcome:
        return self._carry_out(plan_drill(self.configuration, self.configuration.drill(name), keep=keep, point=point))

    def restore(
        self, *replace: str, point: str = "latest", confirm: str = "shop", only: tuple[str, ...] = ()
    ) -> Outcome:
        """Put the shop back in its own place."""
        return self._carry_out(
            plan_in_place(
                self.configuration,
                self.configuration.service("shop"),
                confirm=confirm,
                point=PointRequest.parse(point),
                replace=replace,
                only=only,
            )
        )

    def recovery_points(self, where: str = "", repository_time: datetime | None = None) -> RecoveryPoints:
        """What the shop can be restored to; for that no playbook is run either."""
        service = self.configuration.service("shop")
        return ask_for_points(
            self.configuration,
            self.clock,
            service,
            where=where,
            repository_time=repository_time,
            playbooks=NoPlaybooks,
            tell=lambda _line: None,
        )

    def _carry_out(self, plan: Plan) -> Outcome:
        tools = Tools(
            clock=self.clock,
            playbooks=NoPlaybooks(),
            removers=self.removers,
            work=lambda made, track, stops: work_for(self.configuration, self.clock, made, track, stops),
            evidence=self.evidence,
            gate=Gate(self.state / "runs", self.clock, lambda _mode: ()),
            published=lambda _service: PublishedHeartbeats(self._published),
            cleaner=self.cleaner(),
            who=Who("driver@here", "0"),
            state_directory=self.state,
            clock_offset_limit=self.configuration.clock_offset_limit,
        )
        return DrillRunner(tools).run(plan)

    def cleaner(self) -> Cleaner:
        return Cleaner(self.state, self.clock, self.removers, self.evidence)

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.evidence.entries()]


def main(inventory: Path, verb: str) -> int:
    driver = Driver(json.loads(inventory.read_text(encoding="utf-8")))
    if verb == "clean":
        print(json.dumps([entry.as_json() for entry in driver.cleaner().clean()]))  # noqa: T201 - its output is its answer
        return 0
    outcome = driver.restore(*HOSTS) if verb == "restore" else driver.run()
    print(json.dumps(outcome.record))  # noqa: T201 - its output is its answer
    return outcome.exit_code


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2]))
