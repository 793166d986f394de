"""A ledger that somebody, a crash or another version has spoiled: what it may hold is told, and nothing is raised."""

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from tests.unit.world import World

from drillbook import process
from drillbook.errors import LeftoversError
from drillbook.journal.journal import JOURNAL_FILE
from drillbook.journal.ledger import LEDGER_FILE, Ledger, ResourceKind, machine_resource, process_resource
from drillbook.model import Claim, PointRequest, Verdict
from drillbook.process import ProcessIdentity
from drillbook.run.gate import outstanding_of, running_runs
from drillbook.run.plan_in_place import plan_in_place
from drillbook.run.record import identity

DEAD = {"start_ticks": 1, "boot_id": "another boot"}
CLAIM = {"provider": "lab", "host": "sandbox1", "identifier": "sandbox1", "run_id": "run-0"}
GOOD: dict[str, dict[str, Any]] = {
    "owner": {"kind": "owner", "name": "4", "details": {**DEAD, "targets": ["sandbox1"]}, "state": "intended"},
    "process": {"kind": "process", "name": "4", "details": DEAD, "state": "intended"},
    "machine": {"kind": "machine", "name": "lab: sandbox1", "details": CLAIM, "state": "intended"},
    "file": {"kind": "file", "name": "/nowhere/else", "details": {}, "state": "intended"},
}
ODD_VALUES: list[Any] = [
    None, True, -1, 0, 3.5, 2**70, float("inf"), "", "x", "\0", "\ud800", "\x1b[2J", "9" * 300, [], ["x"], [[]], {}, {"a": {}},
]  # fmt: skip
BYTES = [
    b"\xff\xfe\x00",
    b"[" * 50_000,
    b"{}",
    b"null",
    b'{"kind": "machi',
    b'{"kind":' + b"[" * 5000,
    b"\x00" * 64,
    b"-",
]


def line(entry: dict[str, Any]) -> bytes:
    return json.dumps({"schema": "drillbook.ledger/2", "at": "2026-01-31T12:00:00.000Z", **entry}).encode()


def hostile(chance: random.Random) -> bytes:
    """A line that nobody has ever meant."""
    if chance.random() < 0.15:
        return chance.choice(BYTES)
    entry = json.loads(json.dumps(GOOD[chance.choice(list(GOOD))]))
    entry["schema"] = chance.choice(["drillbook.ledger/1", "drillbook.ledger/2", "drillbook.ledger/3"])
    for _ in range(chance.randint(1, 3)):
        where = entry["details"] if chance.random() < 0.5 and isinstance(entry.get("details"), dict) else entry
        key = chance.choice([*where, "targets", "target", "schema"])
        if chance.random() < 0.2:
            where.pop(key, None)
        else:
            where[key] = chance.choice(ODD_VALUES)
    content = json.dumps(entry).encode()
    return content[: chance.randint(1, len(content))] if chance.random() < 0.15 else content


def spoil(world: World, run_id: str, *lines: bytes) -> Path:
    directory = world.directory / "runs" / run_id
    directory.mkdir(parents=True)
    (directory / LEDGER_FILE).write_bytes(b"".join(one + b"\n" for one in lines))
    return directory


def test_a_thousand_hostile_lines_raise_nothing_and_hide_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before each of them stands an owner that is dead, behind each a machine."""
    monkeypatch.setattr(
        process, "kill_marked", lambda _run_id: 0
    )  # a look at each process of this machine, 2,000 times
    monkeypatch.setattr(os, "fsync", lambda _handle: None)
    chance = random.Random(20261130)  # noqa: S311 - the same thousand at each run
    runs = [f"run-{number}" for number in range(1000)]
    for run_id in runs:
        owner = {**GOOD["owner"], "name": "5"}
        machine = {**GOOD["machine"], "name": "lab: behind", "details": {**CLAIM, "run_id": run_id}}
        spoil(world, run_id, line(owner), hostile(chance), line(machine))
    found = outstanding_of(world.directory / "runs", None, world.clock)
    assert {one.run_id for one in found if one.what == "machine lab: behind"} == set(runs)
    odd = {one.run_id for one in found if one.odd}
    assert len(odd) > 500
    assert running_runs(world.directory / "runs", world.clock) == ()
    cleaned = {one.run_id: one for one in world.cleaner().clean()}
    assert set(cleaned) == set(runs)
    for run_id, one in cleaned.items():
        assert any(LEDGER_FILE in left for left in one.left) == (run_id in odd), one
        assert "machine lab: behind" in one.removed, one
    assert all(str(one).isprintable() for one in found)


@pytest.mark.parametrize("place", ["before", "behind"])
@pytest.mark.parametrize("content", BYTES)
def test_a_drill_is_refused_where_a_line_may_be_a_machine(world: World, content: bytes, place: str) -> None:
    owner = line(GOOD["owner"])
    directory = spoil(world, "run-0", *((content, owner) if place == "before" else (owner, content)))
    outcome = world.run()
    assert outcome.exit_code == 4
    error = outcome.record["error"]
    assert (error["class"], str(directory / LEDGER_FILE) in error["where"]) == ("LeftoversError", True)
    assert "run-0" in error["remedy"]


def test_a_ledger_that_does_not_tell_its_targets_blocks_each_drill_and_is_left_alone(world: World) -> None:
    """Its owner may be alive: what is there is not touched, and not called cleaned."""
    spoil(world, "run-0", b'{"kind": "owner', line(GOOD["machine"]))
    assert world.run().exit_code == 4
    (cleaned,) = world.cleaner().clean()
    assert (cleaned.removed, cleaned.closed) == ((), False)
    assert "nothing was touched" in str(cleaned.problem)
    assert cleaned.left[0].startswith("machine lab")
    assert "teardown" not in world.playbooks.steps


def test_in_place_an_odd_line_stops_nobody_and_proves_nothing(world: World) -> None:
    owner = {**GOOD["owner"], "details": {**DEAD, "targets": ["postgresql_main"]}}
    directory = spoil(world, "run-0", line(owner), b"\xff")
    service = world.configuration.service("main")
    plan = plan_in_place(world.configuration, service, confirm="postgresql_main", point=PointRequest())
    assert set(plan.targets) & {"postgresql_main"}
    outcome = world.run(plan)
    assert world.playbooks.steps == ["restore", "prove"]
    assert outcome.verdict is Verdict.UNPROVEN
    (skipped,) = [check for check in outcome.record["checks"] if check["status"] == "skipped"]
    assert (skipped["name"], str(directory / LEDGER_FILE) in skipped["message"]) == ("no leftovers", True)


def test_what_a_newer_version_made_and_removed_is_no_leftover(world: World) -> None:
    newer = {"schema": "drillbook.ledger/9", "kind": "volume", "name": "vol-1"}
    spoil(world, "run-0", line(GOOD["owner"]), line({**newer, "state": "intended"}))
    (one,) = outstanding_of(world.directory / "runs", None, world.clock)
    assert one.odd is not None
    assert "does not know its schema" in one.odd.why
    spoil(world, "run-1", line(GOOD["owner"]), *(line({**newer, "state": state}) for state in ("intended", "removed")))
    assert {one.run_id for one in outstanding_of(world.directory / "runs", None, world.clock)} == {"run-0"}


def test_a_run_that_is_going_on_is_no_leftover(world: World) -> None:
    directory = world.directory / "runs/run-0"
    directory.mkdir(parents=True)
    ledger = Ledger(directory, world.clock)
    me = ProcessIdentity.of(os.getpid())
    ledger.intend(process_resource(ResourceKind.OWNER, me, targets=["sandbox1"]))
    ledger.intend(machine_resource(Claim(**CLAIM)))
    (one,) = outstanding_of(world.directory / "runs", None, world.clock)
    assert (one.running, running_runs(world.directory / "runs", world.clock)) == (True, ("run-0",))
    assert world.cleaner().clean() == ()
    outcome = world.run()
    assert (outcome.exit_code, outcome.record["error"]["class"]) == (2, "RefusedError")
    assert "being carried out" in outcome.record["error"]["message"]


def test_a_damaged_journal_does_not_keep_a_run_open(world: World) -> None:
    opened = {**identity(world.plan(), world.tools().who), "plan": world.plan().as_json()}
    world.evidence.append("opened", "run-0", opened)
    directory = spoil(world, "run-0", line(GOOD["owner"]))
    events = [
        {"event": "declared", "at": {"deep": []}},
        {"event": ["check"]},
        {"no": "event"},
        {"event": "check", "name": "\ud800", "stage": 3},
        {"event": "step_started"},
        {"event": "teardown"},
    ]
    torn = b'{"event": "che\n\xff\n[]\n'
    (directory / JOURNAL_FILE).write_bytes(torn + b"".join(json.dumps(event).encode() + b"\n" for event in events))
    (cleaned,) = world.cleaner().clean()
    assert cleaned.closed
    assert world.kinds() == ["opened", "closed-by-successor"]
    assert json.loads((directory / "record.json").read_bytes())["verdict"] == "ERROR"


def test_the_directory_of_the_run_itself_is_never_removed(world: World) -> None:
    """A ledger that names it would take itself away, and all that it still has to say."""
    directory = world.directory / "runs/run-0"
    spoil(world, "run-0", line(GOOD["owner"]), line({**GOOD["file"], "name": str(directory)}))
    (cleaned,) = world.cleaner().clean()
    assert cleaned.left == (f"file {directory}",)
    assert (directory / LEDGER_FILE).exists()


def test_a_live_owner_is_told_by_its_start(world: World) -> None:
    """The same number with another start is another process."""
    me = ProcessIdentity.of(os.getpid())
    details = {"start_ticks": me.start_ticks + 1, "boot_id": me.boot_id, "targets": ["sandbox1"]}
    spoil(world, "run-0", line({**GOOD["owner"], "name": str(me.pid), "details": details}), line(GOOD["machine"]))
    (one,) = outstanding_of(world.directory / "runs", None, world.clock)
    assert not one.running
    with pytest.raises(LeftoversError):
        world.tools().gate.pass_through(world.plan(), run_id="")


@pytest.mark.parametrize("name", ["\x1b[2J", "\0", "\ud800", "", "a\nb"])
@pytest.mark.parametrize("kind", ["machine", "file"])
def test_what_neither_terminal_nor_kernel_takes_is_no_name(world: World, kind: str, name: str) -> None:
    spoil(world, "run-0", line(GOOD["owner"]), line({**GOOD[kind], "name": name}))
    (one,) = outstanding_of(world.directory / "runs", None, world.clock)
    assert one.odd is not None
    assert str(one).isprintable()
