"""A drill without infrastructure: fake clock, playbooks that follow a script; real ledger, journal and evidence."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from drillbook.ansible import Order, Watcher
from drillbook.config import Configuration
from drillbook.evidence import EvidenceLog
from drillbook.evidence.verdict_check import contradictions
from drillbook.journal.journal import RunEvent
from drillbook.journal.ledger import machine_resource
from drillbook.model import Check, Claim, Heartbeat, Mode, PublishedHeartbeats, Step
from drillbook.run.clean import Cleaner
from drillbook.run.gate import Gate
from drillbook.run.observation import Observation
from drillbook.run.plan import Plan, plan_drill
from drillbook.run.record import Who
from drillbook.run.runner import DrillRunner, Outcome
from drillbook.run.teardown import Removers
from drillbook.run.tools import Tools
from drillbook.run.work import Run

START = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
Act = Callable[[Order, Watcher, Callable[[], str | None]], None]


class FakeClock:
    """Moves only when told to."""

    def __init__(self) -> None:
        self.passed = timedelta(seconds=1000)

    def monotonic(self) -> timedelta:
        return self.passed

    def now(self) -> datetime:
        return START + self.passed - timedelta(seconds=1000)

    def sleep(self, duration: timedelta) -> None:
        self.passed += duration

    def pass_seconds(self, seconds: float) -> None:
        self.passed += timedelta(seconds=seconds)


@dataclass
class FakePlaybooks:
    """Does for each step what the test says; remembers the orders."""

    acts: dict[str, Act] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)

    def run(self, order: Order, watcher: Watcher, stop_reason: Callable[[], str | None]) -> None:
        self.orders.append(order)
        if order.step in self.acts:
            self.acts[order.step](order, watcher, stop_reason)

    @property
    def steps(self) -> list[str]:
        return [order.step for order in self.orders]


@dataclass
class FakeMachines:
    """A drill's own step, and who removes what it made: both by the script, as if they were steps of playbooks."""

    playbooks: FakePlaybooks

    def gate(self) -> tuple[Check, ...]:
        return ()

    def carry_out(self, step: Step, run: Run) -> None:
        claim = Claim("lab", run.track.target, run.track.target, run.run_id)
        run.ledger.intend(machine_resource(claim))
        self._act(step.name, claim, run.seen, run.ledger.path.parent)

    def destroy(self, claim: Claim, timeout: timedelta) -> None:
        assert timeout > timedelta()
        self._act("teardown", claim, Observation(lambda _kind, _data: None), Path())

    def _act(self, step: str, claim: Claim, seen: Observation, directory: Path) -> None:
        order = Order(step, "by the provider", claim.run_id, {}, timedelta(seconds=60), directory)
        self.playbooks.run(order, seen, lambda: None)


def removers(playbooks: FakePlaybooks) -> Removers:
    return Removers(FakeMachines(playbooks), timedelta(seconds=60))


@dataclass
class World:
    """Everything a run touches, in one temporary directory."""

    directory: Path
    clock: FakeClock
    playbooks: FakePlaybooks
    evidence: EvidenceLog
    configuration: Configuration
    published: list[Heartbeat] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    preflight: Callable[[Mode], tuple[Check, ...]] = lambda _mode: ()
    events: list[RunEvent] = field(default_factory=list)

    def tools(self, **changes: Any) -> Tools:
        given: dict[str, Any] = {
            "clock": self.clock,
            "playbooks": self.playbooks,
            "removers": self.removers(),
            "work": lambda plan, _track, _stops: FakeMachines(self.playbooks) if plan.mode is Mode.SANDBOX else None,
            "evidence": self.evidence,
            "gate": Gate(self.directory / "runs", self.clock, self.preflight),
            "published": lambda _service: PublishedHeartbeats(tuple(self.published), self.unreadable, self.others),
            "cleaner": self.cleaner(),
            "who": Who("tester@here", "0"),
            "state_directory": self.directory,
            "clock_offset_limit": self.configuration.clock_offset_limit,
            "reporters": (self.events.append,),
        }
        return Tools(**{**given, **changes})

    def cleaner(self) -> Cleaner:
        return Cleaner(self.directory, self.clock, self.removers(), self.evidence)

    def removers(self) -> Removers:
        return removers(self.playbooks)

    def plan(self, **changes: Any) -> Plan:
        return plan_drill(self.configuration, self.configuration.drill("main-latest"), **changes)

    def run(self, plan: Plan | None = None, **changes: Any) -> Outcome:
        outcome = DrillRunner(self.tools(**changes)).run(plan or self.plan())
        assert contradictions(outcome.record) == (), "a record never contradicts itself"
        return outcome

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.evidence.entries()]


def inventory_json(directory: Path, **drill: Any) -> dict[str, Any]:
    """What ``ansible-inventory --list --export`` would print."""
    return {
        "_meta": {"hostvars": {"db1": {"ansible_host": "192.0.2.1"}}},
        "all": {
            "children": ["postgresql", "sandbox", "ungrouped"],
            "vars": {
                "drillbook_state_directory": str(directory),
                "drillbook_object_store": {
                    "endpoint": "https://192.0.2.9:7480",
                    "repositories": {"pgbackrest": {"bucket": "repository", "path": "/pgbackrest"}},
                    "evidence_bucket": "evidence",
                    "heartbeat_bucket": "heartbeat",
                    "credentials_directory": str(directory / "credentials"),
                },
                "drillbook_evidence": {
                    "directory": str(directory / "evidence"),
                    "signing_key_file": str(directory / "key.pem"),
                    "anchored": False,
                },
                "drillbook_providers": [
                    {
                        "name": "lab",
                        "kind": "lab",
                        "prefix": "lab",
                        "containers_conf": str(directory / "containers.conf"),
                        "drill": {"network": "lab-sandbox"},
                    }
                ],
                "drillbook_sandboxes": [{"host": "sandbox1", "provider": "lab"}],
                "drillbook_step_timeout_seconds": 100,
                "drillbook_run_deadline_seconds": 1000,
            },
        },
        "postgresql": {"children": ["postgresql_main"]},
        "postgresql_main": {
            "hosts": ["db1", "db2"],
            "vars": {
                "drillbook_service": {
                    "name": "main",
                    "kind": "postgresql",
                    "objectives": {"rto_seconds": 300, "rto_in_place_seconds": 600, "rpo_seconds": 60},
                    "heartbeat_interval_seconds": 2,
                    "heartbeat_publish_interval_seconds": 5,
                    "archive_timeout_seconds": 20,
                },
                "drillbook_drills": [{"name": "main-latest", "sandbox": "sandbox1", **drill}],
            },
        },
        "sandbox": {"hosts": ["sandbox1"]},
    }


def instant(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def published_beat(clock: FakeClock, *, age: float = 1.0, offset: float = 0.1, host: str = "db1") -> Heartbeat:
    """A heartbeat as the store has it; ``offset``: how far the host's clock is ahead of the store's."""
    written = clock.now() - timedelta(seconds=age)
    return Heartbeat(host, 41, written, written, written - timedelta(seconds=offset))


@dataclass
class Script:
    """What the playbooks of a good drill report, with handles to spoil it."""

    clock: FakeClock
    facts: dict[str, Any] = field(default_factory=dict)
    checks: Sequence[Mapping[str, Any]] = ()

    def acts(self) -> dict[str, Act]:
        return {"provision": self.provision, "restore": self.restore, "prove": self.prove, "teardown": self.teardown}

    def provision(self, _order: Order, watcher: Watcher, _stop: Callable[[], str | None]) -> None:
        watcher.play_started("(1/1) provision: Create the sandbox host")
        self.clock.pass_seconds(10)

    def restore(self, _order: Order, watcher: Watcher, _stop: Callable[[], str | None]) -> None:
        for number, (phase, seconds) in enumerate(
            {"select": 2, "transfer": 30, "replay": 20, "start": 5, "verify": 3}.items(), start=1
        ):
            watcher.play_started(f"({number}/5) {phase}: Do it")
            self.clock.pass_seconds(seconds)
            if phase == "replay":
                watcher.fact("first_answer", True)
        for name, value in self.facts.items():
            watcher.fact(name, value)
        for check in self.checks:
            watcher.check(Check.from_event(check))
        self.clock.pass_seconds(1)

    def prove(self, _order: Order, watcher: Watcher, _stop: Callable[[], str | None]) -> None:
        watcher.play_started("(1/1) prove: Look at everything")
        self.clock.pass_seconds(40)
        watcher.check(Check.from_event({"name": "amcheck", "stage": "prove", "passed": True}))

    def teardown(self, _order: Order, watcher: Watcher, _stop: Callable[[], str | None]) -> None:
        watcher.play_started("(1/1) teardown: Remove the sandbox host")
        self.clock.pass_seconds(4)
