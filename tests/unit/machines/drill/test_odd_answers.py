"""A restored machine may answer what it likes: that fails its own check, and the others are looked at."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.support.hostile import COUNT, documents, lines
from tests.unit.machines.snapshots.fake import group
from tests.unit.world import START, FakeClock, World, instant

from drillbook.journal.ledger import Ledger
from drillbook.machines.drill.acceptance import Acceptance
from drillbook.machines.drill.isolation import Isolation
from drillbook.machines.drill.probe_scripts import (
    CannotProbeError,
    Endpoint,
    read_full_read,
    read_probes,
    read_reached,
)
from drillbook.model import GuestAnswer, Machine, MachineProbes, Power
from drillbook.run.observation import Observation
from drillbook.run.stops import Stops
from drillbook.run.work import Run

if TYPE_CHECKING:
    from pathlib import Path

    from drillbook.providers import Inside

PROBES = MachineProbes((443,), ("nginx",))
PROBED = "unit nginx active\nopen 127.0.0.1 443\n"
REACHED = "silent 192.0.2.2 22\nopen 192.0.2.3 443\nsilent example.org name\n"
FULL = "bad /a b\nread 10 1000 1\n"
BEAT = {"service": "main", "host": "web1", "counter": 7, "written_at": instant(START - timedelta(seconds=9))}
EARLIER = {"counter": 6, "written_at": instant(START - timedelta(seconds=20))}
MACHINES = [Machine(host, f"id-{host}", "zone", Power.RUNNING) for host in ("db", "web1")]


@dataclass
class Guests:
    """`db` is sound; `web1` answers with what it is given."""

    heartbeat: str | None = None
    probed: str = PROBED
    reached: str = REACHED
    full: str = FULL

    def read(self, machine: Machine, _path: str) -> str | None:
        return json.dumps({**BEAT, "host": "db"}) if machine.host == "db" else self.heartbeat

    def run(self, machine: Machine, script: str, _timeout: timedelta) -> GuestAnswer:
        odd = machine.host != "db"
        if "findmnt" in script:
            return GuestAnswer(0, self.full if odd else "read 10 1000 0\n")
        if "systemctl" in script:
            return GuestAnswer(0, self.probed if odd else PROBED)
        return GuestAnswer(0, self.reached if odd else REACHED)


@pytest.fixture
def run(world: World, tmp_path: Path) -> Run:
    plan = world.plan()
    clock = FakeClock()
    seen = Observation(lambda _kind, data: json.dumps(data, allow_nan=False, ensure_ascii=False).encode())
    return Run(plan, plan.tracks[0], "run", START, Ledger(tmp_path / "ledger", clock), seen, Stops(clock))


def acceptance(guests: Guests, run: Run) -> Acceptance:
    watched = replace(group(("db", "web1")), probes={"db": PROBES, "web1": PROBES}, ready_timeout=timedelta())
    return Acceptance(cast("Inside", guests), watched, run, FakeClock(), workers=1, timeout=timedelta(seconds=9))


def failed(run: Run) -> list[str]:
    return [check.name for check in run.seen.checks if check.status.value == "failed"]


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "null",
        "3",
        "",
        "[" * 5000,
        " " * 5000 + json.dumps(BEAT),
        json.dumps({**BEAT, "counter": float("inf")}),
        json.dumps({**BEAT, "counter": None}),
        json.dumps({**BEAT, "counter": -5}),
        json.dumps({**BEAT, "written_at": "0001-01-01T00:00:00+14:00"}),
        json.dumps({**BEAT, "written_at": "9999-12-31T23:59:59-14:00"}),
        json.dumps({**BEAT, "host": "\ud800"}),
        json.dumps({**BEAT, "host": ["web1"]}),
        json.dumps({**BEAT, "service": None}),
        json.dumps({**BEAT, "host": "db"}),
    ],
)
def test_an_odd_heartbeat_fails_one_check_of_one_machine(run: Run, text: str) -> None:
    acceptance(Guests(heartbeat=text), run).verify(MACHINES)
    assert failed(run) == ["web1: heartbeat found"]
    assert len(run.seen.checks) == 6
    assert "newest_heartbeat" not in run.seen.facts


def test_a_sound_one_is_believed(run: Run) -> None:
    acceptance(Guests(heartbeat=json.dumps(BEAT)), run).verify(MACHINES)
    assert failed(run) == []
    assert run.seen.facts["newest_heartbeat"]["counter"] == 7


@pytest.mark.parametrize(
    "said",
    [
        "open",
        "open 1",
        "open a b c",
        "shut 127.0.0.1 443",
        "\ud800",
        "x" * 2_000_000,
    ],
)
def test_odd_probes_fail_their_machine(run: Run, said: str) -> None:
    acceptance(Guests(heartbeat=json.dumps(BEAT), probed=said), run).verify(MACHINES)
    assert failed(run) == ["web1: probes"]


def test_an_answer_to_what_was_not_asked_says_nothing(run: Run) -> None:
    said = "open 127.0.0.1 444\nunit sshd active\nunit nginx active twice\n"
    acceptance(Guests(heartbeat=json.dumps(BEAT), probed=said), run).verify(MACHINES)
    assert failed(run) == ["web1: unit nginx", "web1: port 443"]


@pytest.mark.parametrize(
    "said", ["read -5 -1 0", "read a b c", "read 1 2", "read 1 1 0\nread 1 1 0", f"read {'9' * 5000} 1 0", "read ² 1 0"]
)
def test_an_odd_full_read_fails_its_machine(run: Run, said: str) -> None:
    acceptance(Guests(full=said), run).prove(MACHINES)
    assert failed(run) == ["web1: every file read"]


@pytest.mark.parametrize(
    "said", ["silent 192.0.2.2", "silent 192.0.2.2 22 x", "what 192.0.2.2 22", "silent 192.0.2.2 port"]
)
def test_an_odd_answer_to_the_isolation_s_tries_fails_its_machine(said: str) -> None:
    isolation = Isolation({"db": "192.0.2.2", "web1": "192.0.2.1"}, (), (), (), "")
    web1 = [machine for machine in MACHINES if machine.host == "web1"]
    (check,) = isolation.prove(cast("Inside", Guests(reached=said)), web1, workers=1)
    assert (check.status.value, check.stage.stops_the_run) == ("failed", True)


def test_a_thousand_broken_heartbeats_of_a_guest(run: Run) -> None:
    for text in documents({**BEAT, "before_start": EARLIER}, seed=1):
        seen = Observation(run.seen._emit)
        acceptance(Guests(heartbeat=text), replace(run, seen=seen)).verify(MACHINES)
        assert [check.name for check in seen.checks][4:] == ["db: heartbeat found", "web1: heartbeat found"]
        json.dumps(seen.facts, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("good", "read"),
    [
        (PROBED * 3, lambda answer: read_probes(answer, PROBES)),
        (REACHED * 3, read_reached),
        (FULL, read_full_read),
    ],
)
def test_a_thousand_broken_answers_of_a_guest(good: str, read: Any) -> None:
    refused = 0
    for text in lines(good, seed=2):
        try:
            read(GuestAnswer(0, text))
        except CannotProbeError:
            refused += 1
    assert refused > COUNT // 10


def test_what_was_asked_for_is_read() -> None:
    assert read_reached(GuestAnswer(0, REACHED)).answered == {str(Endpoint("192.0.2.3", 443))}
    assert read_probes(GuestAnswer(0, PROBED), PROBES) == {"unit nginx": "active", "port 443": "open"}
    assert read_full_read(GuestAnswer(0, FULL)).unreadable == 1
