"""Every way out of a run: its verdict, its record, its evidence, and what is left."""

import json
import random
from datetime import timedelta
from typing import Any

import pytest
from tests.support.hostile import COUNT, ODD, deep, mutated
from tests.unit.world import START, Script, World, instant, published_beat

from drillbook.ansible import Order, PlaybookFailedError, StepTimeoutError
from drillbook.errors import InfrastructureError, RefusedError
from drillbook.evidence import Signer, verify_log
from drillbook.evidence.reports.view import predictions
from drillbook.evidence.verification import BOUND, BOUND_OF_TRACK
from drillbook.journal.journal import Journal, RunEvent
from drillbook.journal.ledger import Ledger, ResourceKind, process_resource
from drillbook.model import Check, PointRequest, Verdict
from drillbook.process import ProcessIdentity
from drillbook.reporters.reports import write_reports
from drillbook.run.observation import Observation
from drillbook.run.plan import Plan
from drillbook.run.plan_in_place import plan_in_place
from drillbook.run.record import identity
from drillbook.run.runner import Outcome
from drillbook.sanitize import sanitized_json


def failing(message: str) -> Any:
    def act(order: Order, *_rest: object) -> None:
        raise PlaybookFailedError(message, where=f"step {order.step}", remedy="Look.")

    return act


def test_good_drill_passes_and_accounts_for_all_its_time(world: World) -> None:
    outcome = world.run()
    record = outcome.record
    assert outcome.verdict is Verdict.PASS, record["checks"]
    assert outcome.exit_code == 0
    assert record["tracks"][0]["rto"] == {"objective_seconds": 300.0, "actual_seconds": 70.0, "met": True}
    assert record["tracks"][0]["rpo"]["actual_seconds"] == 12.1
    assert record["tracks"][0]["time_to_first_answer_seconds"] == 62.0
    assert record["leftovers"] == []
    phases = {phase["name"]: phase["seconds"] for phase in record["tracks"][0]["phases"]}
    assert phases["transfer"] == 30.0
    assert sum(phases.values()) + record["tracks"][0]["unattributed_seconds"] == pytest.approx(
        record["total_seconds"], rel=0.01
    )
    assert world.kinds() == ["opened", "closed"]
    assert world.playbooks.steps == ["provision", "restore", "prove", "teardown"]
    assert json.loads((outcome.directory / "record.json").read_text()) == record


def test_all_playbooks_get_the_same_variables(world: World) -> None:
    outcome = world.run()
    first, *others = [order.variables for order in world.playbooks.orders if order.step in ("restore", "prove")]
    assert others == [first]
    assert first["drillbook_run_id"] == outcome.record["run_id"]
    assert first["restore_target"] == "sandbox1"
    assert first["restore_point"]["until"] == "2026-01-31T12:00:00.000Z"
    assert first["restore_point"]["repository_time"] is None


def test_a_disaster_that_happened_leaves_the_repository_as_it_is(world: World) -> None:
    world.run(world.plan(disaster_at=START - timedelta(seconds=1)))
    assert world.playbooks.orders[1].variables["restore_point"]["until"] is None


def test_machine_is_in_the_ledger_before_it_is_created(world: World, script: Script) -> None:
    seen = []

    def provision(order: Order, watcher: Any, stop: Any) -> None:
        seen.extend(Ledger(order.ledger_directory, world.clock).outstanding())
        script.provision(order, watcher, stop)

    world.playbooks.acts["provision"] = provision
    world.run()
    assert [resource.name for resource in seen] == ["lab: sandbox1"]


@pytest.mark.parametrize("step", ["provision", "restore", "prove"])
def test_failed_step_is_an_error_that_names_the_cause_and_is_torn_down(world: World, step: str) -> None:
    world.playbooks.acts[step] = failing("checksum error in file 16384")
    outcome = world.run()
    assert outcome.verdict is Verdict.ERROR
    assert outcome.exit_code == 3
    assert outcome.record["error"]["message"] == "checksum error in file 16384"
    assert outcome.record["error"]["where"] == f"step {step}"
    assert world.playbooks.steps[-1] == "teardown"
    assert outcome.record["leftovers"] == []
    assert world.kinds() == ["opened", "closed"]


def test_teardown_that_fails_leaves_leftovers_and_blocks_the_next_drill(world: World, script: Script) -> None:
    world.playbooks.acts["teardown"] = failing("device busy")
    outcome = world.run()
    assert outcome.exit_code == 4
    assert outcome.verdict is Verdict.ERROR
    assert outcome.record["leftovers"] == ["machine lab: sandbox1"]
    second = world.run()
    assert second.exit_code == 4
    assert second.record["error"]["class"] == "LeftoversError"
    assert outcome.record["run_id"] in second.record["error"]["message"]
    world.playbooks.acts["teardown"] = script.teardown
    cleaned = world.cleaner().clean()
    assert cleaned[0].removed == ("machine lab: sandbox1",)
    assert not cleaned[0].closed  # its record was closed by itself
    script.facts["newest_heartbeat"]["written_at"] = instant(world.clock.now() - timedelta(seconds=12))
    world.published = [published_beat(world.clock)]
    assert world.run().verdict is Verdict.PASS


def test_kept_sandbox_is_no_leftover_but_blocks_the_next_drill_until_cleaned(world: World) -> None:
    outcome = world.run(world.plan(keep=True))
    assert outcome.exit_code == 0
    assert "teardown" not in world.playbooks.steps
    assert {"kind": "machine", "name": "lab: sandbox1", "state": "kept"} in outcome.record["cleanup"]
    assert world.run().exit_code == 4
    assert world.cleaner().clean()[0].removed == ("machine lab: sandbox1",)


def test_deadline_ends_the_run(world: World) -> None:
    def slow(_order: Order, _watcher: Any, stop: Any) -> None:
        world.clock.pass_seconds(2000)
        raise StepTimeoutError(stop(), where="step restore", remedy="-")

    world.playbooks.acts["restore"] = slow
    outcome = world.run()
    assert outcome.verdict is Verdict.ERROR
    assert "deadline of 1000 s" in outcome.record["error"]["message"]
    assert world.playbooks.steps[-1] == "teardown"


def test_defect_in_the_tool_still_closes_the_record(world: World) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("oops")

    world.playbooks.acts["restore"] = broken
    outcome = world.run()
    assert outcome.verdict is Verdict.ERROR
    assert "ZeroDivisionError: oops" in outcome.record["error"]["message"]
    assert world.kinds() == ["opened", "closed"]
    assert world.playbooks.steps[-1] == "teardown"


def test_gate_that_refuses_creates_nothing_and_is_in_the_evidence(world: World) -> None:
    def refuse(_mode: object) -> Any:
        raise RefusedError("repository_reader may put an object", where="bucket repository", remedy="-")

    world.preflight = refuse
    outcome = world.run()
    assert (outcome.verdict, outcome.exit_code) == (Verdict.ERROR, 2)
    assert world.playbooks.steps == []
    assert outcome.record["cleanup"] == []
    assert world.kinds() == ["opened", "closed"]


def test_dead_store_is_an_error_at_the_gate(world: World) -> None:
    def dead(_service: str) -> Any:
        raise InfrastructureError("the object store can't be reached", where="https://store", remedy="-")

    outcome = world.run(published=dead)
    assert (outcome.verdict, outcome.exit_code) == (Verdict.ERROR, 3)
    assert world.playbooks.steps == []


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        ({"name": "roles", "stage": "verify", "passed": False, "message": "role app is missing"}, Verdict.FAIL),
        ({"name": "roles", "stage": "verify"}, Verdict.FAIL),
        ({"name": "amcheck", "stage": "prove", "passed": False}, Verdict.FAIL),
        ({"name": "gpu", "stage": "verify", "skipped": True}, Verdict.UNPROVEN),
        ({"name": "isolation", "stage": "isolation", "passed": True}, Verdict.PASS),
    ],
)
def test_checks_decide(world: World, script: Script, check: dict[str, Any], verdict: Verdict) -> None:
    script.checks = [*script.checks, check]
    outcome = world.run()
    assert outcome.verdict is verdict
    assert outcome.exit_code == (0 if verdict is Verdict.PASS else 1)
    assert "prove" in world.playbooks.steps


def test_failed_isolation_ends_the_run_before_the_next_step(world: World, script: Script) -> None:
    script.checks = [{"name": "production", "stage": "isolation", "passed": False, "message": "db1:5432 answers"}]
    outcome = world.run()
    assert outcome.verdict is Verdict.FAIL
    assert world.playbooks.steps == ["provision", "restore", "teardown"]
    assert outcome.record["tracks"][0]["rto"]["met"] is False


@pytest.mark.parametrize(
    ("facts", "name"),
    [({"isolated": None}, "isolation proven"), ({"isolated": "yes"}, "isolation proven")],
)
def test_isolation_that_nobody_proved_is_not_pass(world: World, script: Script, facts: Any, name: str) -> None:
    script.facts |= facts
    outcome = world.run()
    assert outcome.verdict is Verdict.UNPROVEN
    (skipped,) = [check for check in outcome.record["checks"] if check["status"] == "skipped"]
    assert (skipped["name"], "role isolation" in skipped["remedy"]) == (name, True)


def test_not_isolated_is_a_fail(world: World, script: Script) -> None:
    script.facts["isolated"] = False
    assert world.run().verdict is Verdict.FAIL


@pytest.mark.parametrize(("act", "stage"), [("prove", "prove was carried out"), ("restore", "verify was carried out")])
def test_a_stage_without_checks_is_not_pass(world: World, script: Script, act: str, stage: str) -> None:
    if act == "prove":
        world.playbooks.acts["prove"] = lambda *_arguments: None
    else:
        script.checks = []
    outcome = world.run()
    assert outcome.verdict in (Verdict.UNPROVEN, Verdict.FAIL)
    assert stage in [check["name"] for check in outcome.record["checks"] if check["status"] == "skipped"]


def test_slow_recovery_misses_the_rto(world: World, script: Script) -> None:
    def slow(order: Order, watcher: Any, stop: Any) -> None:
        world.clock.pass_seconds(400)
        script.provision(order, watcher, stop)

    world.playbooks.acts["provision"] = slow
    outcome = world.run()
    assert outcome.verdict is Verdict.FAIL
    assert outcome.record["tracks"][0]["rto"]["met"] is False
    assert outcome.record["tracks"][0]["rpo"]["met"] is True


@pytest.mark.parametrize(
    ("age", "verdict", "said"),
    [
        (12, Verdict.PASS, ""),
        (61, Verdict.FAIL, ""),
        (3600 * 24 * 30, Verdict.FAIL, ""),  # an old backup copied again: judged by its content
        (-1, Verdict.PASS, ""),  # within the clocks' tolerance
        (-5, Verdict.ERROR, "clock fault"),
    ],
)
def test_rpo_is_read_from_the_restored_data(
    world: World, script: Script, age: float, verdict: Verdict, said: str
) -> None:
    script.facts["newest_heartbeat"]["written_at"] = instant(START - timedelta(seconds=age))
    outcome = world.run()
    assert outcome.verdict is verdict
    assert said in ((outcome.record["error"] or {}).get("message") or "")
    assert world.playbooks.steps[-1] == "teardown"


def test_no_heartbeat_is_unknown_and_unknown_fails(world: World, script: Script) -> None:
    del script.facts["newest_heartbeat"]
    outcome = world.run()
    assert outcome.verdict is Verdict.FAIL
    assert outcome.record["tracks"][0]["rpo"]["actual_seconds"] is None


@pytest.mark.parametrize("point", ["latest", f"time={instant(START - timedelta(hours=1))}"])
def test_a_service_that_never_had_a_heartbeat_is_unproven(world: World, script: Script, point: str) -> None:
    """Neither the data nor the store has one: nobody promised that it can be told what was lost, and nothing is proven."""
    del script.facts["newest_heartbeat"]
    world.published = []
    outcome = world.run(world.plan(point=PointRequest.parse(point)))
    assert (outcome.verdict, outcome.record["tracks"][0]["rpo"]["met"]) == (Verdict.UNPROVEN, None)


def test_host_clock_that_is_off_is_an_error(world: World) -> None:
    world.published = [published_beat(world.clock, offset=5.02)]
    outcome = world.run()
    assert outcome.verdict is Verdict.ERROR
    assert "db1 is +5.0 s off" in outcome.record["error"]["message"]


def in_place(world: World, **changes: Any) -> Plan:
    service = world.configuration.service("main")
    return plan_in_place(world.configuration, service, confirm="postgresql_main", point=PointRequest(), **changes)


def skipped(outcome: Outcome) -> dict[str, str]:
    """Message by name of the checks that were skipped."""
    return {check["name"]: check["message"] for check in outcome.record["checks"] if check["status"] == "skipped"}


def test_a_wrong_clock_never_makes_an_error_of_a_service_that_is_back(world: World) -> None:
    world.published = [published_beat(world.clock, offset=30.02)]
    outcome = world.run(in_place(world))
    assert world.playbooks.steps == ["restore", "prove"]
    assert (outcome.verdict, outcome.record["error"]) == (Verdict.UNPROVEN, None)
    assert "db1 is +30.0 s off" in skipped(outcome)["clock: host db1"]


def test_a_heartbeat_after_the_disaster_leaves_the_loss_of_a_restore_in_place_untold(
    world: World, script: Script
) -> None:
    script.facts["newest_heartbeat"]["written_at"] = instant(START + timedelta(hours=1))
    outcome = world.run(in_place(world))
    assert (outcome.verdict, outcome.record["error"]) == (Verdict.UNPROVEN, None)
    assert outcome.record["tracks"][0]["rpo"]["met"] is None
    assert "later than the disaster" in skipped(outcome)["what was lost"]
    assert "--repository-time" not in json.dumps(outcome.record), "in place it is refused"


@pytest.mark.parametrize(
    ("stopped", "named", "lost"),
    [
        (25, None, 5.1),  # it lived until the restore stopped it, 25 s after the declaration
        (None, None, None),  # nobody says that it lived: then the heartbeat is one from the future
        (25, 30, 10.1),  # what the operator names counts
        ("soon", None, None),
    ],
)
def test_a_service_that_lives_is_lost_when_the_restore_stops_it(
    world: World, script: Script, stopped: Any, named: int | None, lost: float | None
) -> None:
    """It writes on while the hosts are prepared, so that what is restored is newer than the declaration."""
    script.facts["newest_heartbeat"]["written_at"] = instant(START + timedelta(seconds=20))
    if stopped is not None:
        at = START + timedelta(seconds=stopped) if isinstance(stopped, int) else None
        script.facts["service_stopped_at"] = instant(at) if at else stopped
    outcome = world.run(in_place(world, disaster_at=START + timedelta(seconds=named) if named else None))
    assert outcome.record["tracks"][0]["rpo"]["actual_seconds"] == lost
    assert outcome.verdict is (Verdict.UNPROVEN if lost is None else Verdict.PASS)


def test_the_clock_of_a_host_that_is_long_gone_decides_nothing(world: World) -> None:
    """Its object lies in the bucket for ever."""
    gone = published_beat(world.clock, age=300 * 86400, offset=30, host="db2")
    world.published = [published_beat(world.clock), gone]
    world.others = ("main/db9-scrapped-last-year.json",)
    outcome = world.run()
    assert (outcome.verdict, outcome.record["error"]) == (Verdict.PASS, None)
    assert outcome.record["tracks"][0]["facts"]["heartbeats_of_other_hosts"] == ["main/db9-scrapped-last-year.json"]
    world.published = [published_beat(world.clock), published_beat(world.clock, age=60, offset=30, host="db2")]
    assert world.run().verdict is Verdict.ERROR, "one that lives does"


def test_the_clock_of_who_wrote_the_newest_restored_heartbeat_counts_however_old_it_is(world: World) -> None:
    world.published = [published_beat(world.clock, age=86400, offset=30.02)]
    outcome = world.run()
    assert "db1 is +30.0 s off" in outcome.record["error"]["message"]
    assert world.playbooks.steps[-1] == "teardown"


def test_a_host_whose_clock_is_ahead_does_not_hide_that_heartbeats_failed(world: World) -> None:
    ahead = published_beat(world.clock, age=3600 - 86400, offset=86400, host="db2")
    world.published = [published_beat(world.clock, age=90), ahead]
    world.run(in_place(world))
    inputs = world.run(in_place(world)).record["tracks"][0]["rpo"]["inputs"]
    assert inputs["heartbeats_failing_seconds"] > 80


@pytest.mark.parametrize("mode", ["sandbox", "in place"])
def test_a_published_heartbeat_that_is_none_leaves_its_host_unproven_and_stops_nothing(world: World, mode: str) -> None:
    world.unreadable = {"db2": "it is no JSON"}
    outcome = world.run(in_place(world) if mode == "in place" else None)
    assert "prove" in world.playbooks.steps
    assert (outcome.verdict, outcome.record["error"]) == (Verdict.UNPROVEN, None)
    assert skipped(outcome) == {"published heartbeat of db2": "it is no JSON"}


@pytest.mark.parametrize("beat", [[], "x", {"written_at": "x"}, {"written_at": instant(START), "counter": "many"}])
def test_an_odd_heartbeat_in_the_restored_data_fails_its_check_and_not_the_run(
    world: World, script: Script, beat: Any
) -> None:
    script.facts["newest_heartbeat"] = beat
    outcome = world.run()
    assert (outcome.verdict, outcome.record["error"]) == (Verdict.FAIL, None)
    (check,) = [check for check in outcome.record["checks"] if check["status"] == "failed"]
    assert check["name"] == "newest restored heartbeat can be read"


def test_a_thousand_odd_accounts_of_a_restored_database_always_leave_a_record(world: World, script: Script) -> None:
    """Facts, checks and errors are its own words; what it says of its heartbeat is mutated too."""
    good = {"counter": 40, "written_at": instant(START - timedelta(seconds=12)), "host": "db1"}
    chance = random.Random(20)  # noqa: S311 - the same each time, and no secret
    verdicts = set()
    for number in range(COUNT):
        seen = Observation(lambda _kind, data: json.dumps(sanitized_json(data), allow_nan=False).encode())
        seen.fact("newest_heartbeat", mutated(good, chance))
        seen.fact("odd", mutated(good, chance))
        seen.play_started(str(chance.choice(ODD)))
        seen.task_runs(str(chance.choice(ODD)), timedelta(seconds=number))
        seen.task_failed("db1", "\x1b[2J", str(chance.choice(ODD)))
        said = {key: chance.choice(ODD) for key in ("expected", "actual", "message", "remedy")}
        seen.check(Check.from_event({"name": f"odd {number}", "stage": "verify", "passed": chance.choice(ODD), **said}))
        json.dumps([seen.facts, *(check.as_json() for check in seen.checks)], allow_nan=False).encode("utf-8", "strict")
        if number % 100 == 0:
            script.facts["newest_heartbeat"] = mutated(good, chance)
            script.facts["odd"] = deep(number)
            script.checks = [{"name": "\ud800", "stage": "verify", "passed": True, **said}]
            verdicts.add(world.run().verdict)
    assert Verdict.ERROR not in verdicts


@pytest.mark.parametrize("text", ["\ud800", "\x1b[2J\x1b]0;owned\x07", "[/x]"])
@pytest.mark.parametrize("where", ["fact", "check", "error", "published"])
def test_whatever_a_guest_says_a_record_is_written_and_closed(
    world: World, script: Script, text: str, where: str
) -> None:
    if where == "fact":
        script.facts["said"] = {text: [text]}
    elif where == "check":
        script.checks = [{"name": text, "stage": "verify", "passed": True, "message": text}]
    elif where == "error":
        world.playbooks.acts["restore"] = failing(text)
    else:
        world.unreadable = {text: text}
    outcome = world.run(reporters=(write_reports,))
    assert world.kinds() == ["opened", "closed"]
    kept = (outcome.directory / "record.json").read_text(encoding="utf-8")
    assert json.loads(kept) == outcome.record
    assert "\x1b" not in kept
    assert (outcome.directory / "report.html").exists()


def test_unknown_clock_offset_is_not_pass(world: World) -> None:
    world.published = []
    assert world.run().verdict is Verdict.UNPROVEN


def test_heartbeats_that_failed_before_the_disaster_are_recorded_and_judged(world: World) -> None:
    world.published = [published_beat(world.clock, age=90)]
    outcome = world.run()
    assert outcome.verdict is Verdict.FAIL
    assert outcome.record["tracks"][0]["rpo"]["inputs"]["heartbeats_failing_seconds"] == pytest.approx(90.1)
    assert outcome.record["tracks"][0]["rpo"]["actual_seconds"] == pytest.approx(90.1)


@pytest.mark.parametrize(("age", "met"), [(1, True), (21.5, True), (25, False), (-5, False)])
def test_point_in_time_is_judged_by_its_target_error(world: World, script: Script, age: float, met: bool) -> None:
    target = START - timedelta(hours=1)
    script.facts["newest_heartbeat"]["written_at"] = instant(target - timedelta(seconds=age))
    outcome = world.run(world.plan(point=PointRequest.parse(f"time={instant(target)}")))
    assert outcome.record["tracks"][0]["rpo"]["met"] is met
    assert outcome.verdict is (Verdict.PASS if met else Verdict.FAIL)


def test_point_without_a_moment_is_not_judged_by_time(world: World) -> None:
    outcome = world.run(world.plan(point=PointRequest.parse("lsn=0/3000000")))
    assert outcome.record["tracks"][0]["rpo"]["met"] is None
    assert outcome.verdict is Verdict.PASS


def test_target_is_held_by_one_run_only(world: World, script: Script) -> None:
    refused = []

    def nested(order: Order, watcher: Any, stop: Any) -> None:
        with pytest.raises(RefusedError) as caught:
            world.run()
        refused.append(caught.value)
        script.provision(order, watcher, stop)

    world.playbooks.acts["provision"] = nested
    assert world.run().verdict is Verdict.PASS
    assert "another run holds sandbox1" in refused[0].message


def test_reporter_that_breaks_never_fails_the_run(world: World) -> None:
    def broken(_event: RunEvent) -> None:
        raise RuntimeError("terminal gone")

    outcome = world.run(reporters=(broken, lambda _event: 1 / 0))
    assert outcome.verdict is Verdict.PASS
    notes = [entry for entry in Journal(outcome.directory).entries() if entry["event"] == "reporter_failed"]
    assert "terminal gone" in notes[0]["message"]
    assert "ZeroDivisionError" in notes[-1]["message"]


def test_in_place_creates_and_removes_nothing(world: World, script: Script) -> None:
    script.facts["isolated"] = None
    outcome = world.run(in_place(world))
    assert outcome.verdict is Verdict.PASS
    assert world.playbooks.steps == ["restore", "prove"]
    assert outcome.record["tracks"][0]["rto"]["objective_seconds"] == 600.0
    assert outcome.record["mode"] == "in_place"
    variables = world.playbooks.orders[0].variables
    assert (variables["restore_mode"], variables["restore_confirm"]) == ("in_place", "postgresql_main")


def test_files_of_a_run_are_for_their_owner_only(world: World) -> None:
    outcome = world.run()
    assert outcome.directory.stat().st_mode & 0o777 == 0o700
    for path in outcome.directory.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


def test_reports_are_written_from_the_record_on_disk(world: World) -> None:
    outcome = world.run(reporters=(write_reports,))
    assert outcome.record["run_id"] in (outcome.directory / "report.html").read_text(encoding="utf-8")
    assert "<testsuite" in (outcome.directory / "junit.xml").read_text(encoding="utf-8")


@pytest.mark.parametrize("lost", [True, False])
def test_a_killed_run_is_closed_as_what_it_was_opened_as(world: World, lost: bool) -> None:
    """From the signed entry alone: whoever removes or edits what lies beside it must not make a failure vanish from its drill."""
    opened = {**identity(world.plan(), world.tools().who), "plan": world.plan().as_json()}
    world.evidence.append("opened", "run-1", opened)
    if not lost:
        (world.directory / "runs/run-1").mkdir(parents=True)
        dead = ProcessIdentity(1, 0, "another boot")
        forged = {**opened, "drill": "another", "plan_digest": "0"}
        Ledger(world.directory / "runs/run-1", world.clock).intend(
            process_resource(ResourceKind.OWNER, dead, targets=["sandbox1"], opened=forged)
        )
    world.cleaner().clean()
    closed = list(world.evidence.entries())[-1]
    assert closed.kind == "closed-by-successor"
    assert {key: closed.body[key] for key in BOUND} == {key: opened[key] for key in BOUND}
    (before,), (after,) = opened["tracks"], closed.body["tracks"]
    assert {key: after[key] for key in BOUND_OF_TRACK} == before
    report = verify_log(
        world.directory / "evidence", Signer.load_or_create(world.directory / "key.pem").public_key_pem()
    )
    assert {finding.kind for finding in report.findings} == {"tail-not-anchored"}


def test_what_was_restored_is_told_beside_what_was_predicted(world: World) -> None:
    """The first run has nothing to predict from; the next one predicts what the first one found."""
    first = world.run().record
    assert (first["tracks"][0]["predicted"]["bytes"], first["tracks"][0]["actual"]) == (
        None,
        {"bytes": 1000, "disk_bytes": 3000},
    )
    assert ("Restored data", "1000 B") in [(row.name, row.actual) for row in predictions(first["tracks"][0])]
    second = world.run(world.plan(history=[first])).record
    assert (second["tracks"][0]["predicted"]["bytes"], second["tracks"][0]["predicted"]["disk_bytes"]) == (1000, 3000)
    assert "not known" not in [row.actual for row in predictions(second["tracks"][0])]
