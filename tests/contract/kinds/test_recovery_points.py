"""What can be restored is said by whoever is left: a member, this machine, or a sandbox that goes again."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.kinds.conftest import fake_world
from tests.support.fake_kind.world import HOSTS, MACHINE, NEWER, SANDBOX, SERVICE

from drillbook.model import format_instant, parse_instant
from drillbook.process import marked_processes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.fake_kind.world import FakeWorld, Ran

FIRST, SECOND = HOSTS
VERB = ("recovery-points", SERVICE)


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[FakeWorld]:
    """No host of the service can be reached."""
    with fake_world(tmp_path / "world", lost=HOSTS) as made:
        yield made


def asked(ran: Ran) -> tuple[int, str, str]:
    assert "asked" in ran.output, ran.said
    return ran.code, ran.output["asked"]["place"], ran.output["asked"]["name"]


def nothing_of_a_question_is_left(fake: FakeWorld) -> bool:
    """No sandbox, no process, no run's directory, and nothing in the evidence: it is no drill."""
    return (fake.left(), list((fake.folder / "state/runs").glob("*")), fake.evidence_kinds()) == ([], [], [])


def install_reader(fake: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    program = fake.folder / "programs/fake-reader"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


def test_the_first_member_is_asked_and_says_what_there_is(fake: FakeWorld) -> None:
    ran = fake.call(*VERB)
    assert asked(ran) == (0, "member", FIRST)
    labels = [(one["label"], one["usable"], one["original_bytes"] > 0) for one in ran.output["sets"]]
    assert labels == [("1-old", True, True), ("2-new", True, True)]
    assert ran.output["oldest"] == ran.output["sets"][0]["restorable_at"]
    assert ran.output["oldest"] < ran.output["newest"] <= ran.output["read_at"]
    assert ran.output["asked"]["instead_of"] == []
    assert all((fake.folder / "hosts" / host / "document.json").read_text() == NEWER for host in HOSTS)
    assert nothing_of_a_question_is_left(fake)


def test_a_member_that_is_lost_is_named_and_the_next_one_answers(tmp_path: Path) -> None:
    with fake_world(tmp_path / "world", lost=(FIRST,)) as fake:
        ran = fake.call(*VERB)
        assert asked(ran) == (0, "member", SECOND)
        (reason,) = ran.output["asked"]["instead_of"]
        assert reason.startswith(f"member {FIRST}: See whether it answers: host can't be reached"), reason


def test_with_all_hosts_lost_a_sandbox_is_made_for_it_and_goes_again(lost: FakeWorld) -> None:
    ran = lost.call(*VERB)
    assert asked(ran) == (0, "sandbox", SANDBOX)
    assert [one["label"] for one in ran.output["sets"]] == ["1-old", "2-new"]
    said = ran.output["asked"]["instead_of"]
    assert [reason.split(":")[0] for reason in said] == [f"member {FIRST}", f"member {SECOND}", "controller"]
    assert said[-1] == "controller: fake-reader is not installed here"
    assert nothing_of_a_question_is_left(lost)


def test_with_all_hosts_lost_the_controller_answers_where_it_has_the_software(
    lost: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_reader(lost, monkeypatch)
    ran = lost.call(*VERB)
    assert asked(ran) == (0, "controller", "controller")
    assert nothing_of_a_question_is_left(lost), "the directory of its secrets goes, too"


@pytest.mark.parametrize(
    ("where", "answered"),
    [("sandbox", ("sandbox", SANDBOX)), (SANDBOX, ("sandbox", SANDBOX)), (SECOND, ("member", SECOND))],
)
def test_it_can_be_said_who_is_asked(fake: FakeWorld, where: str, answered: tuple[str, str]) -> None:
    assert asked(fake.call(*VERB, "--from", where)) == (0, *answered)
    assert nothing_of_a_question_is_left(fake)


def test_the_repository_is_read_as_it_was_by_who_reads_it_for_a_restore(fake: FakeWorld) -> None:
    """Members answer, but read it as it is. One second after the first set, there was nothing else."""
    first = parse_instant(fake.call(*VERB).output["oldest"], where="the first set")
    moment = format_instant(first + timedelta(seconds=1))
    ran = fake.call(*VERB, "--repository-time", moment)
    assert asked(ran) == (0, "sandbox", SANDBOX)
    assert ([one["label"] for one in ran.output["sets"]], ran.output["repository_time"]) == (["1-old"], moment)
    assert nothing_of_a_question_is_left(fake)


@pytest.mark.parametrize("whom", ["member", SECOND])
def test_a_member_is_not_asked_about_the_past(fake: FakeWorld, whom: str) -> None:
    ran = fake.call(*VERB, "--repository-time", "2026-01-31T00:00:00Z", "--from", whom)
    assert (ran.code, ran.output["error"]["message"]) == (2, "a member reads the repository as it is"), ran.said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("recovery-points", "numbers"), "numbers"),
        ((*VERB, "--repository-time", "yesterday"), "yesterday"),
        ((*VERB, "--from", "store1"), "store1 can't be asked for letters"),
    ],
)
def test_a_name_that_nobody_has_is_refused(fake: FakeWorld, arguments: tuple[str, ...], said: str) -> None:
    ran = fake.call(*arguments)
    assert (ran.code, said in ran.output["error"]["message"]) == (2, True), ran.said


def test_nobody_who_can_answer_is_an_error_that_names_all_of_them(lost: FakeWorld) -> None:
    ran = lost.call(*VERB, "--from", "member")
    message = ran.output["error"]["message"]
    assert (ran.code, ran.output["error"]["class"]) == (3, "InfrastructureError")
    assert all(f"member {host}: " in message for host in HOSTS)
    assert nothing_of_a_question_is_left(lost)


def test_a_wrong_key_is_refused_as_a_fault_of_the_inventory(fake: FakeWorld) -> None:
    (fake.repository / "locked").touch()
    ran = fake.call(*VERB)
    error = ran.output["error"]
    assert (ran.code, error["class"], error["remedy"]) == (2, "ConfigurationError", "Take the key from escrow.")
    assert "locked with another key" in error["message"]
    assert nothing_of_a_question_is_left(fake)


def test_a_damaged_set_is_named_and_does_not_count(fake: FakeWorld) -> None:
    fake.change(lambda part: part.update(count=99), sealed=False)
    ran = fake.call(*VERB)
    assert ran.code == 1, "nothing can be restored"
    assert (ran.output["oldest"], ran.output["newest"]) == (None, None)
    assert {one["fault"] for one in ran.output["sets"]} == {
        f"the checksum of {label} is wrong: the backup is damaged" for label in ("1-old", "2-new")
    }


def test_what_is_read_in_a_sandbox_that_is_not_isolated_is_not_taken(lost: FakeWorld) -> None:
    (lost.controls / "network").write_text(f"store1 {FIRST}\n", encoding="utf-8")
    ran = lost.call(*VERB)
    assert ran.code == 3
    assert "sandbox is isolated: The sandbox reaches fake1" in ran.output["error"]["message"]
    assert nothing_of_a_question_is_left(lost)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_question_that_is_told_to_end_removes_its_sandbox(lost: FakeWorld, number: signal.Signals) -> None:
    lost.hang_in("recovery-points")
    child = lost.start(*VERB)
    lost.wait_until_it_hangs(child, "recovery-points")
    assert lost.sandboxes() == [SANDBOX]
    busy = lost.run()
    assert (busy.code, "another run holds sandbox1" in busy.output["error"]["message"]) == (2, True)
    child.send_signal(number)
    ran = lost.finish(child)
    assert (ran.code, ran.output["error"]["message"]) == (3, f"ended by {number.name}")
    assert nothing_of_a_question_is_left(lost)


def test_a_drill_that_has_the_sandbox_keeps_it(lost: FakeWorld) -> None:
    lost.hang_in("transfer")
    child = lost.start("drill", "run", "fake-latest")
    lost.wait_until_it_hangs(child, "transfer")
    ran = lost.call(*VERB, "--from", "sandbox")
    assert (ran.code, "another run holds sandbox1" in ran.output["error"]["message"]) == (3, True)
    lost.go_on()
    assert lost.sandboxes() == [SANDBOX]
    child.send_signal(signal.SIGTERM)
    lost.finish(child)


def test_another_sandbox_is_taken_where_the_first_one_is_somebody_elses(tmp_path: Path) -> None:
    with fake_world(tmp_path / "world", lost=HOSTS, sandbox_hosts=(SANDBOX, "sandbox2")) as fake:
        (fake.folder / "sandboxes" / SANDBOX).mkdir(parents=True)
        (fake.folder / "sandboxes" / SANDBOX / "owner").write_text("somebody-else\n", encoding="utf-8")
        ran = fake.call(*VERB, "--from", "sandbox")
        assert asked(ran) == (0, "sandbox", "sandbox2")
        assert "held by run somebody-else" in ran.output["asked"]["instead_of"][0]
        assert fake.sandboxes() == [SANDBOX]


def test_what_a_killed_question_left_is_found_and_cleaned(lost: FakeWorld) -> None:
    lost.hang_in("recovery-points")
    child = lost.start(*VERB)
    lost.wait_until_it_hangs(child, "recovery-points")
    run_id = lost.ledger().path.parent.name
    child.kill()
    child.communicate()
    lost.go_on()
    assert lost.sandboxes() == [SANDBOX]
    again = lost.call(*VERB, "--from", "sandbox")
    assert (again.code, "drillbook drill clean" in again.output["error"]["message"]) == (3, True)
    cleaned = lost.call("drill", "clean")
    (found,) = cleaned.output
    assert (cleaned.code, found["run_id"], MACHINE in found["removed"]) == (0, run_id, True)
    assert (lost.left(), marked_processes(run_id)) == ([], ())


def test_a_sandbox_that_can_t_be_removed_does_not_hide_the_answer(lost: FakeWorld) -> None:
    (lost.controls / "busy").touch()
    ran = lost.call(*VERB)
    assert asked(ran) == (4, "sandbox", SANDBOX)
    assert ran.output["left"] == [MACHINE]
    assert "drillbook drill clean" in ran.said
    (lost.controls / "busy").unlink()
    assert lost.call("drill", "clean").code == 0
    assert lost.left() == []


def test_the_text_says_who_was_asked_and_who_was_not(lost: FakeWorld) -> None:
    ran = text(lost)
    assert "asked          sandbox sandbox1 (made for it, and removed)" in ran
    assert "not answered   controller: fake-reader is not installed here" in ran
    assert "no holes" in ran


def text(fake: FakeWorld) -> str:
    child: Any = fake.start(*VERB, as_json=False)
    stdout, stderr = child.communicate(timeout=60)
    assert child.returncode == 0, stderr
    return str(stdout)
