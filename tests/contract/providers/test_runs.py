"""A run that is killed, a teardown that fails, and a second claim: of each provider nothing is left, or what is left is named."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.conftest import wanting
from tests.contract.ec2_drills.conftest import quick_region, taught_moto
from tests.contract.ec2_drills.sandbox_world import SandboxWorld as Ec2SandboxWorld
from tests.contract.providers.lab import LabWorld
from tests.contract.providers.proxmox_sandboxes import SandboxWorld, sandbox_world
from tests.contract.providers.runs import Ec2Runs, HostRuns, LabRuns, ProxmoxRuns, Runs
from tests.contract.providers.standing import StandingHost, standing_host
from tests.contract.providers.test_lab_sandboxes import KEY, reachable, template, world
from tests.contract.providers.test_pinned_keys import make_key
from tests.support.fake_kind.world import DRILL
from tests.support.ssh_host import SshHost

from drillbook import process
from drillbook.model import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.fake_kind.world import FakeWorld, Ran

__all__ = ["reachable", "sandbox_world", "world"]
# Where a run is held at its border: a playbook by its phase, the run itself before it begins and when all is proven.
HELD = {Phase.TEARDOWN: "removal"}
# The one that is killed by default has a sandbox, and its first playbook has begun.
CHEAP = Phase.PROVISION
CONTAINERS = (pytest.mark.lab, pytest.mark.slow)


@pytest.fixture
def proxmox_runs(sandbox_world: SandboxWorld, tmp_path: Path) -> Runs:
    return ProxmoxRuns(tmp_path, sandbox_world)


@pytest.fixture
def ec2_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    with (
        taught_moto() as address,
        quick_region(address, tmp_path / "state", monkeypatch) as region,
        SshHost(tmp_path / "host") as host,
    ):
        yield Ec2Runs(tmp_path, Ec2SandboxWorld(region, host, tmp_path))


@pytest.fixture
def lab_runs(world: LabWorld, reachable: str, tmp_path: Path) -> Runs:
    make_key(tmp_path / "key")
    template(world, reachable, f"--volume={tmp_path}/key:{KEY}:ro", f"--volume={tmp_path}/key.pub:{KEY}.pub:ro")
    return LabRuns(tmp_path, world, reachable)


@pytest.fixture(scope="module")
def standing(containers_conf: Path) -> Iterator[StandingHost]:
    with standing_host(containers_conf) as made:
        yield made


@pytest.fixture
def host_runs(
    standing: StandingHost, containers_conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> HostRuns:
    monkeypatch.setenv("CONTAINERS_CONF", str(containers_conf))
    return HostRuns(tmp_path, standing)


@pytest.fixture(
    params=[
        pytest.param("proxmox_runs", id="proxmox"),
        pytest.param("ec2_runs", id="ec2"),
        pytest.param("lab_runs", id="lab", marks=CONTAINERS),
        pytest.param("host_runs", id="host", marks=CONTAINERS),
    ]
)
def runs(request: pytest.FixtureRequest) -> Iterator[Runs]:
    """And in the end nothing is there of any run."""
    made: Runs = request.getfixturevalue(request.param)
    try:
        yield made
    finally:
        made.end()
    assert made.there() == set()


def message(ran: Ran) -> str:
    return str(ran.output["error"]["message"])


def run_of(fake: FakeWorld) -> str:
    return fake.ledger().path.parent.name


@pytest.mark.parametrize(
    "phase", [pytest.param(phase, marks=() if phase is CHEAP else pytest.mark.slow) for phase in Phase]
)
def test_sigkill_leaves_nothing_once_it_is_cleaned(runs: Runs, phase: Phase) -> None:
    fake = runs.fake
    killed = fake.kill_in(HELD.get(phase, phase))
    assert bool(runs.there()) is (phase is not Phase.DECLARE)
    cleaned = fake.call("drill", "clean")
    (entry,) = cleaned.output
    assert (cleaned.code, entry["problem"], entry["left"], entry["closed"]) == (0, None, [], True)
    assert any(name.startswith(f"machine {runs.name}: ") for name in entry["removed"]) is (phase is not Phase.DECLARE)
    assert (runs.there(), fake.left(), process.marked_processes(killed.run_id)) == (set(), [], ())
    assert fake.evidence() == ["opened", "closed-by-successor"]


@pytest.mark.slow
def test_the_next_run_cleans_up_by_itself(runs: Runs) -> None:
    runs.fake.kill_in(Phase.TRANSFER)
    assert runs.there()
    ran = runs.run()
    assert wanting(ran.output) == [], ran.said
    assert runs.fake.evidence() == ["opened", "closed-by-successor", "opened", "closed"]
    assert (runs.there(), runs.fake.left()) == (set(), [])


@pytest.mark.slow
def test_a_second_claim_is_refused_by_name_while_the_first_lives(runs: Runs) -> None:
    first = runs.fake
    first.pause_in(CHEAP)
    child = first.start("drill", "run", DRILL)
    first.wait_until_it_hangs(child, CHEAP)
    held = runs.there()
    same = first.run()
    assert (same.code, message(same)) == (2, "another run holds sandbox1")
    other = runs.controller("other")
    second = other.run()
    if runs.one_address:
        said = rf"the sandbox sandbox1(: it)? is held by run {run_of(first)}"
        assert re.fullmatch(said, message(second)), message(second)
        assert second.code == 3
    else:
        assert wanting(second.output) == [], second.said
    assert (runs.there(), second.output["leftovers"], other.left()) == (held, [], [])
    first.go_on()
    ran = first.finish(child)
    assert (wanting(ran.output), first.left()) == ([], []), ran.said


@pytest.mark.slow
def test_a_teardown_that_fails_names_what_is_left_until_it_is_cleaned(runs: Runs) -> None:
    fake = runs.fake
    fake.pause_in(CHEAP)
    child = fake.start("drill", "run", DRILL)
    fake.wait_until_it_hangs(child, CHEAP)
    why = runs.refuse_removal()
    fake.go_on()
    ran = fake.finish(child)
    assert (ran.code, ran.output["verdict"]) == (4, "ERROR")
    (left,) = ran.output["leftovers"]
    assert left.startswith(f"machine {runs.name}: ")
    assert re.search(why, message(ran)), message(ran)
    second = fake.run()
    assert (second.code, second.output["error"]["class"]) == (4, "LeftoversError")
    assert message(second) == f"run {ran.output['run_id']} left the {left} behind"
    refused = fake.call("drill", "clean")
    assert (refused.code, refused.output[0]["left"]) == (4, [left])
    runs.allow_removal()
    cleaned = fake.call("drill", "clean")
    assert (cleaned.code, cleaned.output[0]["removed"], runs.there()) == (0, [left], set())


@pytest.mark.lab
@pytest.mark.slow
def test_a_standing_host_with_somebody_s_data_is_refused(host_runs: HostRuns) -> None:
    host_runs.host.run("mkdir -p /srv/shop && echo theirs >/srv/shop/rows")
    try:
        ran = host_runs.run()
        assert (ran.code, ran.output["leftovers"]) == (2, [])
        assert message(ran) == "sandbox1 is not free: /srv holds data: /srv/shop/rows"
        assert host_runs.host.run("cat /srv/shop/rows").strip() == "theirs"
        assert host_runs.there() == set()
    finally:
        host_runs.host.run("rm -r /srv/shop")
