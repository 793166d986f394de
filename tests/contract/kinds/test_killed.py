"""SIGKILL in each phase of a real run: no process lives on, the successor removes what is there and closes the record."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.kinds.conftest import fake_world
from tests.support.fake_kind.world import MACHINE, SANDBOX, wait_for

from drillbook import process
from drillbook.journal.ledger import ResourceKind
from drillbook.model import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from tests.support.fake_kind.world import FakeWorld, Killed, Ran

# In each the run has a sandbox; at the declaration it has none yet. Where a provider works, no process of the run's is there.
WITHOUT_SANDBOX = {Phase.DECLARE}
WITHOUT_PLAYBOOK = {Phase.DECLARE, Phase.TEARDOWN}
STEPS = {Phase.DECLARE: "before its first step", Phase.TEARDOWN: "step teardown", Phase.PROVISION: "step restore", Phase.PROVE: "step prove"}  # fmt: skip
# As many as there are processors in the least machine: they wait for Ansible, and Ansible computes.
AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class Case:
    """A killed run, and what its successor did."""

    fake: FakeWorld
    killed: Killed
    opened: list[str]
    sandboxes: list[str]
    cleaned: Ran

    @property
    def record(self) -> dict[str, Any]:
        path = self.killed.ledger.path.parent / "record.json"
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found


def kill_and_clean(folder: Path, phase: Phase) -> Case:
    with fake_world(folder) as fake:
        killed = fake.kill_in(phase)
        opened, sandboxes = fake.evidence_kinds(), fake.sandboxes()
        return Case(fake, killed, opened, sandboxes, fake.call("drill", "clean"))


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Phase, Future[Case]]]:
    """A case for each phase, side by side: each has a state directory of its own."""
    folder = tmp_path_factory.mktemp("killed")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {phase: pool.submit(kill_and_clean, folder / phase, phase) for phase in Phase}


@pytest.mark.parametrize("phase", list(Phase))
def test_a_run_that_was_killed_is_cleaned_up_by_its_successor(cases: dict[Phase, Future[Case]], phase: Phase) -> None:
    case = cases[phase].result()
    run_id, ledger = case.killed.run_id, case.killed.ledger
    # The kernel's parent-death signal reaches ansible-playbook alone; its workers have sessions of their own.
    assert bool(case.killed.orphans) is (phase not in WITHOUT_PLAYBOOK), "what hangs is expected to live on"
    assert case.opened == ["opened"]
    assert case.sandboxes == ([] if phase in WITHOUT_SANDBOX else [SANDBOX])

    (cleaned,) = case.cleaned.output
    assert (case.cleaned.code, cleaned["run_id"], cleaned["problem"]) == (0, run_id, None)
    assert (cleaned["left"], cleaned["closed"]) == ([], True)
    assert (MACHINE in cleaned["removed"]) is (phase not in WITHOUT_SANDBOX)
    assert not any(orphan.alive() for orphan in case.killed.orphans)
    assert process.marked_processes(run_id) == ()
    assert case.fake.left() == []
    assert ledger.outstanding() == ()
    assert case.fake.evidence() == ["opened", "closed-by-successor"]

    record = case.record
    assert record["verdict"] == "ERROR"
    assert "was killed" in record["error"]["message"]
    assert STEPS.get(phase, "step restore") in record["error"]["where"]
    assert (record["drill"], record["mode"]) == ("fake-latest", "sandbox")
    assert record["declared_at"] is not None


def test_a_second_clean_finds_nothing(cases: dict[Phase, Future[Case]]) -> None:
    cleaned = cases[Phase.TRANSFER].result().fake.call("drill", "clean")
    assert (cleaned.code, cleaned.output) == (0, [])


def test_ansible_dies_with_the_run_and_the_next_run_cleans_up_by_itself(fake: FakeWorld) -> None:
    killed = fake.kill_in(Phase.TRANSFER)
    playbook = next(entry.process for entry in killed.ledger.outstanding() if entry.kind is ResourceKind.PROCESS)
    wait_for(lambda: not playbook.alive(), "ansible-playbook dies with us", seconds=10)
    fake.fill()
    ran = fake.run()
    assert (ran.code, ran.output["verdict"]) == (0, "PASS"), ran.said
    assert [entry.kind for entry in fake.ledger().resources()].count(ResourceKind.PROCESS) == 2, "one for each playbook"
    assert fake.evidence() == ["opened", "closed-by-successor", "opened", "closed"]
    assert fake.left() == []
