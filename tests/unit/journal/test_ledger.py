"""The ledger says what is there, whoever reads it, and survives a torn line."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from tests.unit.world import FakeClock, FakePlaybooks, removers

from drillbook import process
from drillbook.errors import InfrastructureError, RefusedError
from drillbook.journal.ledger import Ledger, Resource, ResourceKind, State, machine_resource, process_resource
from drillbook.model import Claim
from drillbook.run.teardown import Removers, batches, remove, remove_together


@pytest.fixture
def ledger(tmp_path: Path, clock: FakeClock) -> Ledger:
    return Ledger(tmp_path, clock)


def test_outstanding_is_newest_first_and_without_what_was_removed(ledger: Ledger) -> None:
    first, second, third = (Resource(ResourceKind.MACHINE, name) for name in ("one", "two", "three"))
    for resource in (first, second, third):
        ledger.intend(resource)
    ledger.settle(second)
    ledger.settle(third, State.KEPT)
    assert [(entry.name, entry.state) for entry in ledger.outstanding()] == [("three", "kept"), ("one", "intended")]


def test_torn_last_line_is_not_read(ledger: Ledger) -> None:
    ledger.intend(Resource(ResourceKind.MACHINE, "one"))
    with ledger.path.open("a") as file:
        file.write('{"kind": "machi')
    assert [entry.name for entry in ledger.resources()] == ["one"]


def test_owner_lives_until_it_is_settled(ledger: Ledger) -> None:
    assert not ledger.owner_alive()
    owner = process_resource(ResourceKind.OWNER, process.ProcessIdentity.of(os.getpid()))
    ledger.intend(owner)
    assert ledger.owner_alive()
    ledger.settle(owner)
    assert not ledger.owner_alive()


def test_process_with_the_same_number_but_another_start_is_not_killed(ledger: Ledger) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        real = process.ProcessIdentity.of(child.pid)
        other = process.ProcessIdentity(real.pid, real.start_ticks - 1, real.boot_id)
        for identity in (other, process.ProcessIdentity(real.pid, real.start_ticks, "another boot")):
            resource = process_resource(ResourceKind.PROCESS, identity)
            remove(resource, run_id="x", ledger=ledger, removers=removers(FakePlaybooks()))
            assert child.poll() is None
        remove(
            process_resource(ResourceKind.PROCESS, real),
            run_id="x",
            ledger=ledger,
            removers=removers(FakePlaybooks()),
        )
        assert child.wait(timeout=5) == -9


def test_file_outside_the_run_is_not_removed(ledger: Ledger, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    with pytest.raises(InfrastructureError, match="outside its run"):
        remove(
            Resource(ResourceKind.FILE, str(outside)),
            run_id="x",
            ledger=ledger,
            removers=removers(FakePlaybooks()),
        )
    assert outside.is_dir()


def test_machines_that_follow_each_other_are_removed_together_and_all_else_alone() -> None:
    machines = [machine_resource(Claim("cluster", host, f"qemu/{host}", "x")) for host in ("1", "2", "3")]
    process_, file = Resource(ResourceKind.PROCESS, "7"), Resource(ResourceKind.FILE, "/x")
    given = [process_, machines[0], machines[1], file, file, machines[2]]
    assert list(batches(given)) == [(process_,), (machines[0], machines[1]), (file,), (file,), (machines[2],)]


class TwoAtOnce:
    """Removes when two are asked for at once; the machine `bad` stays."""

    def __init__(self) -> None:
        self._both = Barrier(2, timeout=10)

    def destroy(self, claim: Claim, _timeout: timedelta) -> None:
        self._both.wait()
        if claim.host == "bad":
            raise InfrastructureError("it is locked", where=claim.identifier, remedy="Unlock it.")


def test_one_that_stays_keeps_no_other(ledger: Ledger) -> None:
    machines = [machine_resource(Claim("cluster", host, f"qemu/{host}", "x")) for host in ("good", "bad")]
    for resource in machines:
        ledger.intend(resource)
    who = Removers(TwoAtOnce(), timedelta(seconds=1))
    with pytest.raises(InfrastructureError, match="it is locked"):
        remove_together(machines, run_id="x", ledger=ledger, removers=who)
    assert [entry.name for entry in ledger.outstanding()] == ["cluster: qemu/bad"]


def test_a_ledger_of_an_earlier_version_is_read_and_what_a_playbook_made_is_left_to_its_owner(ledger: Ledger) -> None:
    """Its guests were claimed as machines are now. Its machines were not, and the playbook that removed them is gone."""
    claim = {"provider": "cluster", "host": "shop-db", "identifier": "qemu/9000", "run_id": "x"}
    lines = [
        {"kind": "machine", "name": "sandbox1", "details": {"playbook": "x.yml"}, "state": "intended"},
        {"kind": "guest", "name": "cluster: qemu/9000", "details": claim, "state": "intended"},
    ]
    written = (json.dumps({"schema": "drillbook.ledger/1", **line}) + "\n" for line in lines)
    ledger.path.write_text("".join(written), encoding="utf-8")
    guest, machine = ledger.outstanding()
    assert guest == machine_resource(Claim(**claim))
    with pytest.raises(RefusedError, match="an earlier version of drillbook made sandbox1"):
        remove(machine, run_id="x", ledger=ledger, removers=removers(FakePlaybooks()))
    assert machine in ledger.outstanding()
    ledger.settle(guest)
    assert ledger.outstanding() == (machine,), "it is settled by the name that this version gives it"
    assert ledger.odd() == ()


@pytest.mark.parametrize(
    ("details", "targets"),
    [
        ({"targets": ["sandbox1", "sandbox2"]}, ("sandbox1", "sandbox2")),
        ({"target": "sandbox1"}, ("sandbox1",)),
        ({}, ()),
    ],
)
def test_what_a_run_holds_is_read_from_ledgers_of_earlier_versions_too(
    ledger: Ledger, details: dict[str, Any], targets: tuple[str, ...]
) -> None:
    """A run that was killed before an update still holds its sandbox after it."""
    me = process.ProcessIdentity.of(os.getpid())
    ledger.intend(process_resource(ResourceKind.OWNER, me, **details))
    assert ledger.targets == targets


def test_a_ledger_without_an_owner_holds_nothing(ledger: Ledger) -> None:
    assert ledger.targets == ()
