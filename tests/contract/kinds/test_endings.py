"""Each way in which a run ends by itself: its exit code, its record, and that nothing is left."""

from __future__ import annotations

import signal
import stat
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.fake_kind.world import DRILL, HOSTS, MACHINE, SANDBOX, document

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.support.fake_kind.world import FakeWorld, Ran


def steps(fake: FakeWorld) -> list[str]:
    return [str(entry["name"]) for entry in fake.journal() if entry["event"] == "step_started"]


def message(ran: Ran) -> str:
    return str(ran.output["error"]["message"])


def test_sigterm_closes_the_record_and_tears_down_and_clean_waits_for_that(fake: FakeWorld) -> None:
    fake.hang_in("transfer")
    child = fake.start("drill", "run", DRILL)
    fake.wait_until_it_hangs(child, "transfer")
    assert fake.call("drill", "clean").output == [], "it is alive, so it is left alone"
    assert child.poll() is None
    busy = fake.run()
    assert (busy.code, "another run holds" in busy.output["error"]["message"]) == (2, True)
    child.send_signal(signal.SIGTERM)
    ran = fake.finish(child)
    assert (ran.code, message(ran)) == (3, "ended by SIGTERM")
    assert f"removing {MACHINE}" in ran.said
    assert (ran.output["leftovers"], fake.left()) == ([], [])
    assert fake.evidence() == ["opened", "closed"]


@pytest.mark.parametrize(
    ("where", "limits", "said"),
    [
        ("provision", {"step_timeout_seconds": 12}, "playbooks/restore.yml was not done after 12 s and was killed"),
        ("provision", {"run_deadline_seconds": 10}, "the run's deadline of 10 s has passed"),
        ("sandbox", {"step_timeout_seconds": 3}, "sandbox was not done in time"),
        ("sandbox", {"run_deadline_seconds": 3}, "the run's deadline of 3 s has passed"),
    ],
)
def test_a_step_that_hangs_is_ended(
    fake_with: Callable[..., AbstractContextManager[FakeWorld]], where: str, limits: dict[str, Any], said: str
) -> None:
    """A playbook is killed; a provider that waits is told."""
    with fake_with(drill=limits) as fake:
        fake.hang_in(where)
        ran = fake.run()
        assert (ran.code, ran.output["verdict"], message(ran)) == (3, "ERROR", said)
        assert (ran.output["leftovers"], fake.left()) == ([], [])
        assert fake.evidence() == ["opened", "closed"]


def test_failed_isolation_ends_the_run_before_the_next_step(fake: FakeWorld) -> None:
    """A failed check of the isolation stops at the step's border; nothing is proven, and the sandbox goes."""
    (fake.controls / "network").write_text(f"store1 {HOSTS[1]}\n", encoding="utf-8")
    ran = fake.run()
    assert (ran.code, ran.output["verdict"]) == (1, "FAIL")
    failed = {check["name"]: check for check in ran.output["checks"] if check["status"] == "failed"}
    assert set(failed) == {"sandbox is isolated", "isolation proven"}
    assert HOSTS[1] in failed["sandbox is isolated"]["message"]
    assert steps(fake) == ["provision", "restore"]
    assert ran.output["tracks"][0]["isolated"] is False
    assert fake.left() == []


def test_what_can_t_be_torn_down_is_a_leftover_until_it_is_cleaned(fake: FakeWorld) -> None:
    (fake.controls / "busy").touch()
    ran = fake.run()
    assert (ran.code, ran.output["verdict"], message(ran)) == (4, "ERROR", "The sandbox's folder is busy.")
    assert (ran.output["leftovers"], fake.sandboxes()) == ([MACHINE], [SANDBOX])
    second = fake.run()
    assert (second.code, second.output["error"]["class"]) == (4, "LeftoversError")
    assert ran.output["run_id"] in message(second)
    assert steps(fake) == [], "the gate comes before everything"
    busy = fake.call("drill", "clean")
    assert (busy.code, busy.output[0]["left"]) == (4, [MACHINE])
    (fake.controls / "busy").unlink()
    cleaned = fake.call("drill", "clean")
    assert (cleaned.code, cleaned.output[0]["removed"]) == (0, [MACHINE])
    assert fake.left() == []
    assert fake.evidence() == ["opened", "closed", "opened", "closed"]


def test_a_kept_sandbox_is_answerable_and_blocks_the_next_drill_until_it_is_cleaned(fake: FakeWorld) -> None:
    """And a drill that misses nothing: exit code 0, a folder for its owner only, every process accounted for."""
    kept = fake.run("--keep")
    assert (kept.code, kept.output["verdict"]) == (0, "PASS"), kept.said
    restored = document.ask(str(fake.folder / "sandboxes" / SANDBOX))
    assert (restored["rows"], restored["damaged"]) == (23, [])
    run = fake.ledger().path.parent
    assert sorted(path.name for path in run.iterdir()) == [
        "inventory.yml",
        "journal.jsonl",
        "junit.xml",
        "ledger.jsonl",
        "record.json",
        "report.html",
    ]
    assert stat.S_IMODE(run.stat().st_mode) == 0o700
    assert [entry.kind for entry in fake.ledger().resources()].count("process") == 2
    assert fake.run().code == 4
    assert fake.call("drill", "clean").code == 0
    assert fake.left() == []


def test_a_gate_that_refuses_makes_nothing(fake: FakeWorld) -> None:
    (fake.controls / "refused").touch()
    ran = fake.run()
    assert (ran.code, ran.output["verdict"], message(ran)) == (2, "ERROR", "repository_reader may put an object")
    assert (steps(fake), ran.output["cleanup"]) == ([], [])
    assert fake.evidence() == ["opened", "closed"]


def test_a_sandbox_of_somebody_else_is_left_alone(fake: FakeWorld) -> None:
    (fake.folder / "sandboxes" / SANDBOX).mkdir(parents=True)
    (fake.folder / "sandboxes" / SANDBOX / "owner").write_text("somebody-else\n", encoding="utf-8")
    ran = fake.run()
    assert (ran.code, "held by run somebody-else" in message(ran)) == (3, True)
    assert fake.sandboxes() == [SANDBOX]


def test_a_check_that_fails_is_a_missed_drill(fake: FakeWorld) -> None:
    """What only the proof finds is red too: the sums of the backup are right, a row in it is not."""

    def spoil(part: dict[str, Any]) -> None:
        part["rows"] = {number: {**row, "sha256": "0"} for number, row in part["rows"].items()}

    fake.change(spoil)
    ran = fake.run()
    assert (ran.code, ran.output["verdict"]) == (1, "FAIL")
    assert [check["name"] for check in ran.output["checks"] if check["status"] == "failed"] == [
        f"{SANDBOX}: every row read"
    ]


def test_unknown_clock_offset_is_unproven(fake: FakeWorld) -> None:
    (fake.controls / "published.json").write_text("[]", encoding="utf-8")
    ran = fake.run()
    assert (ran.code, ran.output["verdict"]) == (1, "UNPROVEN")
