"""What is Proxmox VE's own: tasks, locks, tokens, nodes that go away, and calls that are cut off."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.providers.proxmox import ProxmoxWorld, documented_privileges, shop
from tests.support.proxmox import ProxmoxServer

from drillbook.clock import SystemClock
from drillbook.errors import (
    ConfigurationError,
    DrillbookError,
    InfrastructureError,
    LockedError,
    RefusedError,
    UnreachedError,
)
from drillbook.model import Machine, Power, Quiesce
from drillbook.providers.proxmox import tasks
from drillbook.providers.proxmox.api import ProxmoxApi, ProxmoxEndpoint, UnknownOutcomeError
from drillbook.providers.proxmox.snapshots import ProxmoxSnapshots

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = timedelta(seconds=20)
NAME = "drillbook-one"


def take(world: ProxmoxWorld, machine: Machine, *, timeout: timedelta = LIMIT, ram: bool = False) -> None:
    world.snapshots.take(machine, NAME, ram=ram, note="", timeout=timeout)


def names(world: ProxmoxWorld, machine: Machine) -> list[str]:
    return [found.name for found in world.snapshots.snapshots(machine)]


@pytest.fixture
def machine(proxmox: ProxmoxWorld) -> Machine:
    (found,) = proxmox.snapshots.find(("shop-db",))
    return found


def test_a_call_that_was_cut_off_is_looked_up_and_never_made_again(proxmox: ProxmoxWorld, machine: Machine) -> None:
    take(proxmox, machine)
    proxmox.snapshots.remove(machine, NAME, LIMIT)
    proxmox.control.cut_connection("POST", "/snapshot$", accepted=True)
    take(proxmox, machine)
    assert names(proxmox, machine) == [NAME]
    assert len(proxmox.control.served("POST", "/100/snapshot")) == 2, "one for each of the two that were asked for"


def test_a_call_that_never_arrived_is_unknown_and_not_made_again(
    proxmox: ProxmoxWorld, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "TASK_APPEARS", timedelta(seconds=1))
    take(proxmox, machine)
    proxmox.snapshots.remove(machine, NAME, LIMIT)
    proxmox.control.cut_connection("POST", "/snapshot$", accepted=False)
    with pytest.raises(UnknownOutcomeError, match="may have been done"):
        take(proxmox, machine)
    assert names(proxmox, machine) == []


def test_warnings_are_no_failure(proxmox: ProxmoxWorld, machine: Machine) -> None:
    proxmox.control.faults(warn={"qmsnapshot": 1})
    take(proxmox, machine)
    assert names(proxmox, machine) == [NAME]


def test_a_task_that_takes_too_long_is_named_and_left_alone(proxmox: ProxmoxWorld, machine: Machine) -> None:
    proxmox.control.faults(slow={"qmsnapshot": 3.0})
    with pytest.raises(InfrastructureError, match=r"not done after 1 s \(in task UPID:pve1:.*:qmsnapshot:100:"):
        take(proxmox, machine, timeout=timedelta(seconds=1))
    proxmox.control.settle()
    assert names(proxmox, machine) == [NAME]


def test_a_node_that_is_away_for_a_moment_is_asked_again(proxmox: ProxmoxWorld, machine: Machine) -> None:
    proxmox.control.faults(slow={"qmsnapshot": 1.0})
    proxmox.control.answer_with(596, "Connection timed out", "GET", "/tasks/UPID.*/status", count=2)
    take(proxmox, machine)
    assert names(proxmox, machine) == [NAME]


def lock(world: ProxmoxWorld) -> None:
    world.control.guest(100, lock="backup")


FAULTS: dict[str, tuple[Callable[[ProxmoxWorld], object], type[DrillbookError], str]] = {
    "locked": (lock, LockedError, r"VM is locked \(backup\).*qm unlock"),
    "aborted": (
        lambda world: world.control.faults(abort={"qmsnapshot": 1}),
        InfrastructureError,
        "interrupted by signal",
    ),
    "no quorum": (lambda world: world.control.faults(quorum_lost=True), InfrastructureError, "no quorum"),
    "the node that we ask is away": (
        lambda world: world.control.faults(offline=["pve1"]),
        InfrastructureError,
        "Proxmox VE does not answer",
    ),
    "token expired": (
        lambda world: world.control.expire_token("drillbook@pve", "snapshots"),
        ConfigurationError,
        "does not accept the token",
    ),
    "full": (
        lambda world: world.control.faults(fail={"qmsnapshot": ["lvcreate: no free space"]}),
        InfrastructureError,
        "no free space",
    ),
    "duplicate": (
        lambda world: take(world, world.snapshots.find(("shop-db",))[0]),
        RefusedError,
        "already used.*Take another name",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_a_message_of_its_own(proxmox: ProxmoxWorld, machine: Machine, fault: str) -> None:
    proxmox.snapshots.remove(machine, NAME, LIMIT)
    strike, kind, message = FAULTS[fault]
    strike(proxmox)
    with pytest.raises(kind, match=message):
        take(proxmox, machine)


def test_another_node_that_is_away_is_named(proxmox: ProxmoxWorld) -> None:
    (found,) = proxmox.snapshots.find(("shop-web1",))
    proxmox.control.faults(offline=["pve2"])
    with pytest.raises(InfrastructureError, match=r"node does not answer \(596.*/nodes/pve2/"):
        take(proxmox, found)


def test_a_silent_agent_is_named(proxmox: ProxmoxWorld, machine: Machine) -> None:
    proxmox.control.faults(silent_agents=[100])
    with pytest.raises(InfrastructureError, match=r"guest agent is not running.*qemu-guest-agent"):
        proxmox.snapshots.freeze(machine, LIMIT)


def test_what_is_frozen_can_be_thawed_and_thawed_again(proxmox: ProxmoxWorld, machine: Machine) -> None:
    proxmox.snapshots.freeze(machine, LIMIT)
    assert proxmox.server.state.guests[100].frozen
    for _ in range(2):
        proxmox.snapshots.thaw(machine, LIMIT)
    assert not proxmox.server.state.guests[100].frozen


def test_one_that_stays_frozen_is_said_in_time(proxmox: ProxmoxWorld, machine: Machine) -> None:
    proxmox.snapshots.freeze(machine, LIMIT)
    proxmox.control.faults(stays_frozen=[100])
    with pytest.raises(InfrastructureError, match="its file systems are still frozen after 1 s"):
        proxmox.snapshots.thaw(machine, timedelta(seconds=1))


def test_who_may_not_freeze_has_frozen_nothing(proxmox: ProxmoxWorld, machine: Machine) -> None:
    proxmox.server.state.roles["DrillbookSnapshots"].remove("VM.GuestAgent.FileSystemMgmt")
    with pytest.raises(UnreachedError, match=r"may not do that.*VM\.GuestAgent\.FileSystemMgmt"):
        proxmox.snapshots.freeze(machine, LIMIT)


def test_a_thaw_that_is_refused_is_not_asked_for_again(proxmox: ProxmoxWorld, machine: Machine) -> None:
    """Nothing that the machine does can change that answer; its clients wait meanwhile."""
    proxmox.snapshots.freeze(machine, LIMIT)
    proxmox.server.state.roles["DrillbookSnapshots"].remove("VM.GuestAgent.FileSystemMgmt")
    with pytest.raises(ConfigurationError, match=r"may not do that.*VM\.GuestAgent\.FileSystemMgmt"):
        proxmox.snapshots.thaw(machine, timedelta(seconds=2))
    assert len(proxmox.control.served("POST", "/agent/fsfreeze-thaw")) == 1


@pytest.mark.parametrize(
    ("host", "options", "why"),
    [
        ("shop-old", {}, "storage without snapshots"),
        ("shop-mail", {"ram": True}, "container's memory"),
        ("shop-db", {"ram": True}, None),
        ("shop-mail", {}, None),
    ],
)
def test_what_can_not_be_snapshotted_says_why(
    proxmox: ProxmoxWorld, host: str, options: dict[str, Any], why: str | None
) -> None:
    (found,) = proxmox.snapshots.find((host,))
    said = proxmox.snapshots.refusal(found, **{"ram": False, "quiesce": Quiesce.NONE, **options})
    assert (said is None) if why is None else (said is not None and why in said)


def test_a_lock_is_seen_before_anything_is_touched(proxmox: ProxmoxWorld) -> None:
    lock(proxmox)
    (found,) = proxmox.snapshots.find(("shop-db",))
    assert proxmox.snapshots.refusal(found, ram=False, quiesce=Quiesce.NONE) == "it is locked (backup)"


def test_a_container_goes_back_too(proxmox: ProxmoxWorld) -> None:
    (found,) = proxmox.snapshots.find(("shop-mail",))
    proxmox.write(found, "good")
    proxmox.snapshots.freeze(found, LIMIT)
    take(proxmox, found)
    proxmox.snapshots.thaw(found, LIMIT)
    proxmox.write(found, "bad")
    proxmox.snapshots.go_back(found, NAME, LIMIT)
    proxmox.snapshots.start(found, LIMIT)
    assert (proxmox.read(found), proxmox.runs(found)) == ("good", True)


def test_a_machine_that_high_availability_starts_is_waited_for(proxmox: ProxmoxWorld, machine: Machine) -> None:
    take(proxmox, machine)
    proxmox.snapshots.go_back(machine, NAME, LIMIT)
    managed = proxmox.server.state.section("ha-resources")
    managed["vm:100"] = {"sid": "vm:100", "type": "vm", "state": "started"}
    proxmox.control.faults(slow={"ha": 1.0})
    proxmox.snapshots.start(machine, LIMIT)
    assert proxmox.runs(machine)
    assert [task.kind for task in proxmox.server.state.tasks.values()][-1] == "hastart"


def test_memory_is_kept_where_it_is_asked_for(proxmox: ProxmoxWorld, machine: Machine) -> None:
    take(proxmox, machine, ram=True)
    assert proxmox.snapshots.snapshots(machine)[0].ram
    proxmox.snapshots.go_back(machine, NAME, LIMIT)
    assert proxmox.runs(machine), "a snapshot with memory comes back running"


def test_zfs_goes_back_to_the_newest_only(proxmox: ProxmoxWorld) -> None:
    (found,) = proxmox.snapshots.find(("shop-zfs",))
    take(proxmox, found)
    proxmox.snapshots.take(found, "drillbook-two", ram=False, note="", timeout=LIMIT)
    with pytest.raises(RefusedError, match="newest snapshot only"):
        proxmox.snapshots.go_back(found, NAME, LIMIT)


def test_what_the_token_may_not_see_is_not_there(proxmox: ProxmoxWorld) -> None:
    with pytest.raises(ConfigurationError, match="bank-db: no guest has this name"):
        proxmox.snapshots.find(("bank-db",))


def test_one_that_no_report_names_is_told_from_one_that_is_not_there(proxmox: ProxmoxWorld) -> None:
    """Of a guest whose node has been away for minutes the cluster knows number and node, and nothing else."""
    proxmox.control.faults(unreported=[101])
    with pytest.raises(
        ConfigurationError, match=r"shop-web1: no guest has this name.* 1 guest of pve2 .*without a name.*See that pve2"
    ):
        proxmox.snapshots.find(proxmox.hosts)
    found = proxmox.snapshots.find(("shop-db", "shop-web2"))
    assert [machine.host for machine in found] == ["shop-db", "shop-web2"], "the others are found all the same"


def test_an_unknown_state_is_not_taken_for_stopped(proxmox: ProxmoxWorld) -> None:
    proxmox.control.faults(offline=["pve2"])
    (found,) = proxmox.snapshots.find(("shop-web1",))
    assert found.power is Power.UNKNOWN
    with pytest.raises(InfrastructureError, match=r"node does not answer \(596.*/nodes/pve2/"):
        proxmox.snapshots.look_again(found)
    proxmox.control.repair()
    assert proxmox.snapshots.look_again(found).power is Power.RUNNING


def use_all(world: ProxmoxWorld) -> None:
    """Do everything that the token is for."""
    (found,) = world.snapshots.find(("shop-db",))
    world.snapshots.refusal(found, ram=True, quiesce=Quiesce.AGENT)
    world.snapshots.freeze(found, LIMIT)
    take(world, found)
    world.snapshots.thaw(found, timedelta(seconds=1))
    world.snapshots.go_back(found, NAME, LIMIT)
    world.snapshots.start(found, LIMIT)
    world.snapshots.remove(found, NAME, LIMIT)


@pytest.mark.parametrize("missing", [None, *documented_privileges()])
def test_the_documented_privileges_are_enough_and_none_is_idle(tmp_path: Path, missing: str | None) -> None:
    with ProxmoxServer(shop([one for one in documented_privileges() if one != missing])) as server:
        world = ProxmoxWorld(server, tmp_path)
        if missing is None:
            use_all(world)
        else:
            with pytest.raises(DrillbookError):
                use_all(world)


def test_a_certificate_that_is_not_trusted_is_refused(proxmox: ProxmoxWorld, tmp_path: Path) -> None:
    endpoint = ProxmoxEndpoint("127.0.0.1", proxmox.server.port, None, tmp_path / "tokens/snapshots.json")
    with pytest.raises(ConfigurationError, match="certificate of Proxmox VE is not trusted"):
        ProxmoxApi(endpoint).get("/version")


def test_a_host_that_does_not_answer_is_named(proxmox: ProxmoxWorld, tmp_path: Path) -> None:
    endpoint = ProxmoxEndpoint("127.0.0.1", 9, None, tmp_path / "tokens/snapshots.json")
    with pytest.raises(InfrastructureError, match=r"127\.0\.0\.1:9"):
        ProxmoxApi(endpoint).post("/nodes/pve1/qemu/100/snapshot", snapname="ab")


def test_a_node_that_is_away_is_passed_over(proxmox: ProxmoxWorld, tmp_path: Path, machine: Machine) -> None:
    """Reading and writing alike, for nothing was sent to it; also by the calls that follow."""
    token, port = tmp_path / "tokens/snapshots.json", proxmox.server.port
    api = ProxmoxApi(ProxmoxEndpoint("127.0.0.9", port, Path(proxmox.server.ca), token, ("127.0.0.1",)))
    assert api.hosts == ("127.0.0.9", "127.0.0.1")
    snapshots = ProxmoxSnapshots(api, SystemClock())
    snapshots.freeze(machine, LIMIT)
    snapshots.thaw(machine, LIMIT)
    assert api.get("/version")["release"]
    assert api._first == 1
    with pytest.raises(ConfigurationError, match=r"127\.0\.0\.1:\d+, GET /nodes/nowhere/"):
        api.get("/nodes/nowhere/tasks")


def test_nodes_that_are_all_away_are_all_named(proxmox: ProxmoxWorld, tmp_path: Path) -> None:
    token = tmp_path / "tokens/snapshots.json"
    api = ProxmoxApi(ProxmoxEndpoint("127.0.0.9", 9, Path(proxmox.server.ca), token, ("127.0.0.1",)))
    with pytest.raises(InfrastructureError, match=r"does not answer \(in 127\.0\.0\.9:9, 127\.0\.0\.1:9, POST "):
        api.post("/nodes/pve1/qemu/100/snapshot", snapname="ab")


def test_an_answer_that_was_lost_is_asked_for_nowhere_else(proxmox: ProxmoxWorld, tmp_path: Path) -> None:
    """What may have been done must not be done twice."""
    token, port = tmp_path / "tokens/snapshots.json", proxmox.server.port
    api = ProxmoxApi(ProxmoxEndpoint("127.0.0.1", port, Path(proxmox.server.ca), token, ("127.0.0.1",)))
    proxmox.control.cut_connection("POST", "/snapshot$", accepted=True)
    with pytest.raises(UnknownOutcomeError):
        api.post("/nodes/pve1/qemu/100/snapshot", snapname="ab")
    assert len(proxmox.control.served("POST", "/snapshot")) == 1
