"""What is not in the evidence does not count in a drill, and stops nobody on the bad day."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.evidence.test_log import BrokenAnchor
from tests.unit.world import World

from drillbook.errors import EvidenceError
from drillbook.evidence import DirectoryAnchor, LogOnDemand, Signer, read_log, render_html, verify_log
from drillbook.journal.journal import Journal
from drillbook.journal.ledger import Ledger, ResourceKind, process_resource
from drillbook.model import PointRequest, Verdict
from drillbook.process import ProcessIdentity
from drillbook.reporters.reports import write_reports
from drillbook.run.plan import Plan
from drillbook.run.plan_in_place import plan_in_place


def in_place(world: World) -> Plan:
    service = world.configuration.service("main")
    return plan_in_place(world.configuration, service, confirm="postgresql_main", point=PointRequest())


def with_log(world: World, anchor: object = None) -> World:
    """The world with a log of one run, opened as the command line opens it."""
    log = LogOnDemand(world.directory / "evidence", world.directory / "key.pem", world.clock.now, lambda: anchor)  # type: ignore[arg-type,return-value] # tests bring their own anchors
    log.append("opened", "earlier", {"drill": "x"})
    log.append("closed", "earlier", {"drill": "x", "verdict": "PASS"})
    return replace(world, evidence=log)  # type: ignore[arg-type] # the log on demand is what a run needs of one


def damage(world: World) -> None:
    (world.directory / "evidence/000001-opened.json").write_text("x")


def edit(world: World) -> None:
    path = world.directory / "evidence/000002-closed.json"
    path.write_bytes(path.read_bytes().replace(b"PASS", b"FAIL"))


def remove_entry(world: World) -> None:
    (world.directory / "evidence/000002-closed.json").unlink()


def remove_signature(world: World) -> None:
    (world.directory / "evidence/000002-closed.sig").unlink()


def lose_key(world: World) -> None:
    (world.directory / "key.pem").unlink()


def another_key(world: World) -> None:
    lose_key(world)
    Signer.load_or_create(world.directory / "key.pem")


def open_key_to_others(world: World) -> None:
    (world.directory / "key.pem").chmod(0o644)


def no_directory(world: World) -> None:
    directory = world.directory / "evidence"
    directory.rename(world.directory / "moved")
    directory.write_text("a file stands where the log was")


SPOILED = [damage, edit, remove_entry, remove_signature, lose_key, another_key, open_key_to_others, no_directory]


@pytest.mark.parametrize("spoil", SPOILED)
def test_in_place_a_broken_log_stops_nobody_and_is_told_everywhere(
    world: World, spoil: Callable[[World], None]
) -> None:
    world = with_log(world)
    spoil(world)
    before = {path: path.read_bytes() for path in world.directory.glob("evidence/0*")}
    outcome = world.run(in_place(world), reporters=(world.events.append, write_reports))
    assert world.playbooks.steps == ["restore", "prove"]
    assert (outcome.verdict, outcome.exit_code, outcome.error) == (Verdict.UNPROVEN, 1, None)
    (skipped,) = [check for check in outcome.record["checks"] if check["status"] == "skipped"]
    assert (skipped["stage"], skipped["name"]) == ("gate", "the run is in the evidence")
    assert "not in the evidence log" in skipped["message"]
    beside = outcome.directory / "evidence"
    assert str(beside) in outcome.trouble
    reading = read_log(beside, (beside / "public.pem").read_bytes())
    assert [entry.kind for entry in reading.entries] == ["opened", "closed"]
    assert reading.verified
    assert reading.entries[-1].body["checks"] == outcome.record["checks"]
    assert outcome.entry == reading.entries[-1]
    troubles = [entry for entry in Journal(outcome.directory).entries() if entry["event"] == "evidence_trouble"]
    assert str(beside) in troubles[0]["message"]
    assert {path: path.read_bytes() for path in world.directory.glob("evidence/0*")} == before
    assert (world.directory / "key.pem").exists() == (spoil is not lose_key)


@pytest.mark.parametrize("spoil", SPOILED)
def test_a_drill_is_refused_by_a_broken_log(world: World, spoil: Callable[[World], None]) -> None:
    world = with_log(world)
    spoil(world)
    with pytest.raises(EvidenceError):
        world.run()
    assert world.playbooks.steps == []


@pytest.mark.parametrize("mode", ["sandbox", "in_place"])
def test_what_is_anchored_is_said_in_the_record(world: World, tmp_path: Path, mode: str) -> None:
    world = with_log(world, DirectoryAnchor(tmp_path / "anchor"))
    outcome = world.run(in_place(world) if mode == "in_place" else None)
    assert (outcome.verdict, outcome.exit_code, outcome.trouble) == (Verdict.PASS, 0, "")
    (check,) = [check for check in outcome.record["checks"] if check["name"] == "the run is in the evidence"]
    assert (check["status"], check["actual"]) == ("passed", "000003-opened is anchored")
    assert outcome.entry is not None
    assert (outcome.entry.name, outcome.entry.anchored) == ("000004-closed", True)


def test_a_drill_that_is_not_anchored_ends_before_its_disaster(world: World, tmp_path: Path) -> None:
    """Or whoever blocks one address for a minute chooses which results exist."""
    anchor = BrokenAnchor(DirectoryAnchor(tmp_path / "anchor"))
    anchor.broken = False
    world = with_log(world, anchor)
    anchor.broken = True
    outcome = world.run()
    assert (outcome.verdict, outcome.exit_code) == (Verdict.ERROR, 3)
    assert world.playbooks.steps == []
    assert outcome.record["declared_at"] is None
    error = outcome.record["error"]
    assert (error["class"], "opening entry is not anchored" in error["message"]) == ("EvidenceError", True)
    assert "It is down" in error["message"]
    assert "000004-closed is not in the anchor" in outcome.trouble


def test_an_unwanted_result_cannot_be_dropped_while_the_anchor_is_down(world: World, tmp_path: Path) -> None:
    """The attack of the review: block the anchor, fail, remove both entries, go on. No run is carried out meanwhile."""
    anchor = BrokenAnchor(DirectoryAnchor(tmp_path / "anchor"))
    anchor.broken = False
    world = with_log(world, anchor)
    anchor.broken = True
    assert world.run().record["verdict"] == "ERROR"
    assert "restore" not in world.playbooks.steps


def test_in_place_an_anchor_that_is_down_is_told_everywhere(world: World, tmp_path: Path) -> None:
    anchor = BrokenAnchor(DirectoryAnchor(tmp_path / "anchor"))
    world = with_log(world, anchor)
    outcome = world.run(in_place(world))
    assert world.playbooks.steps == ["restore", "prove"]
    assert (outcome.verdict, outcome.exit_code) == (Verdict.UNPROVEN, 1)
    (skipped,) = [check for check in outcome.record["checks"] if check["status"] == "skipped"]
    assert "000003-opened is not in the anchor" in skipped["message"]
    assert "000004-closed is not in the anchor" in outcome.trouble
    assert not (outcome.directory / "evidence").exists(), "the log itself is sound, and has the run"


@pytest.mark.parametrize("mode", ["sandbox", "in_place"])
def test_a_result_that_is_not_anchored_is_never_0(world: World, tmp_path: Path, mode: str) -> None:
    """The anchor dies while the run goes on: the record says PASS, and nothing outside vouches for it yet."""
    anchor = BrokenAnchor(DirectoryAnchor(tmp_path / "anchor"))
    anchor.broken = False
    world = with_log(world, anchor)
    real = world.playbooks.acts["prove"]

    def prove(*given: object) -> None:
        anchor.broken = True
        real(*given)  # type: ignore[arg-type] # passed on

    world.playbooks.acts["prove"] = prove
    outcome = world.run(in_place(world) if mode == "in_place" else None)
    assert (outcome.verdict, outcome.exit_code) == (Verdict.PASS, 1)
    assert "000004-closed is not in the anchor" in outcome.trouble
    troubles = [entry for entry in Journal(outcome.directory).entries() if entry["event"] == "evidence_trouble"]
    assert len(troubles) == 1


def test_in_place_a_log_that_breaks_on_the_way_is_gone_round(world: World) -> None:
    world = with_log(world)
    real = world.playbooks.acts["restore"]

    def restore(*given: object) -> None:
        remove_signature(world)
        real(*given)  # type: ignore[arg-type] # passed on

    world.playbooks.acts["restore"] = restore
    outcome = world.run(in_place(world))
    assert (outcome.verdict, outcome.exit_code) == (Verdict.PASS, 1)
    beside = outcome.directory / "evidence"
    kinds = [entry.kind for entry in read_log(beside, (beside / "public.pem").read_bytes()).entries]
    assert kinds == ["opened", "closed"]


def test_in_place_not_even_a_full_disk_below_the_log_stops_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = with_log(world)

    def full(*_given: object, **_options: object) -> None:
        raise EvidenceError("No space left on device", where="evidence", remedy="Make room")

    monkeypatch.setattr("drillbook.evidence.log.write_durably", full)
    outcome = world.run(in_place(world))
    assert world.playbooks.steps == ["restore", "prove"]
    assert (outcome.exit_code, outcome.entry) == (1, None)
    assert "the run is in no log" in outcome.trouble
    assert json.loads((outcome.directory / "record.json").read_bytes())["verdict"] == "UNPROVEN"


def test_in_place_orphans_are_ended_also_where_the_log_cannot_name_them(world: World) -> None:
    world = with_log(world)
    (world.directory / "runs/killed").mkdir(parents=True)
    ledger = Ledger(world.directory / "runs/killed", world.clock)
    dead = ProcessIdentity(os.getpid(), 1, "another boot")
    ledger.intend(process_resource(ResourceKind.OWNER, dead, targets=["postgresql_main"]))
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as orphan:
        ledger.intend(process_resource(ResourceKind.PROCESS, ProcessIdentity.of(orphan.pid), step="restore"))
        damage(world)
        world.run(in_place(world))
        assert orphan.wait(timeout=10) == -9
    assert ledger.outstanding() == ()


def test_a_log_that_is_not_anchored_by_declaration_has_no_such_check(world: World) -> None:
    outcome = world.run()
    assert "the run is in the evidence" not in [check["name"] for check in outcome.record["checks"]]
    assert outcome.entry is not None
    assert (outcome.entry.anchored, outcome.exit_code) == (None, 0)


def test_the_report_beside_the_record_is_the_one_drawn_from_the_entry(world: World) -> None:
    outcome = world.run(reporters=(write_reports,))
    entry = outcome.entry
    assert entry is not None
    assert (outcome.directory / "report.html").read_text(encoding="utf-8") == render_html(entry.body, entry)
    report = verify_log(world.directory / "evidence", Signer.load(world.directory / "key.pem").public_key_pem())
    assert report.head == entry.sha256


def test_what_a_successor_closes_unanchored_is_told(world: World, tmp_path: Path) -> None:
    anchor = BrokenAnchor(DirectoryAnchor(tmp_path / "anchor"))
    world = with_log(world, anchor)
    world.evidence.append("opened", "killed", {"drill": "x"})
    (cleaned,) = world.cleaner().clean()
    assert cleaned.closed
    assert "000004-closed-by-successor is not in the anchor yet" in str(cleaned.problem)
