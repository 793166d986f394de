"""A restore of machines in their own place: what comes back, what is refused before anything is lost, and what turns it red."""

from __future__ import annotations

import json
import os
import signal
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.machine_drills.driver import Driver
from tests.contract.machine_drills.test_drill import check, failed, posts
from tests.contract.machine_drills.test_killed import finish, running, start, wait_for
from tests.contract.machine_drills.world import HEARTBEAT, HOSTS, RUNBOOK, DrillWorld, documented_roles, shop
from tests.support.proxmox import ProxmoxServer, add_machine
from tests.support.proxmox.state import Volume

from drillbook.errors import RefusedError
from drillbook.model import Heartbeat, Verdict, format_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from drillbook.run.runner import Outcome

NEEDED = [(role, privilege) for role, privileges in documented_roles(RUNBOOK).items() for privilege in privileges]
REPLACE_ALL = tuple(HOSTS)


@contextmanager
def recoverable(tmp_path: Path) -> Iterator[DrillWorld]:
    """The shop with backups that drillbook took, and the token for the bad day."""
    with ProxmoxServer(shop()) as server:
        made = DrillWorld(server, tmp_path / "state")
        made.let_recover()
        for host in HOSTS:
            made.beat(host)
        for machine in (taker := made.taker()).find(tuple(HOSTS)):
            group = Driver(made.inventory()).configuration.machine_group("shop")
            assert group.backup is not None
            note = f"drillbook/1 host={machine.host} group=shop run=one source={machine.identifier}"
            taker.back_up(machine, group.backup, note=note, timeout=timedelta(seconds=20))
        for volume in server.state.volumes.values():
            volume.ctime -= 60
        yield made
        assert made.control.invalid() == []


@pytest.fixture
def world(tmp_path: Path) -> Iterator[DrillWorld]:
    """And in the end: every request was one that the official schema knows."""
    with recoverable(tmp_path) as made:
        yield made


@pytest.fixture
def driver(world: DrillWorld) -> Driver:
    now = datetime.now(UTC)
    published = tuple(Heartbeat(host, 7, now - timedelta(seconds=5), now, now) for host in HOSTS)
    return Driver(world.inventory(), published)


def lose(world: DrillWorld, *hosts: str) -> None:
    state = world.server.state
    for host in hosts:
        del state.guests[HOSTS[host]]
        state.pools["shop"].vms.remove(HOSTS[host])


def changes(world: DrillWorld) -> list[dict[str, Any]]:
    return [one for one in world.control.served() if one["method"] != "GET" and one["status"] == 200]


def refused(world: DrillWorld, driver: Driver, *replace: str, **options: Any) -> str:
    """What a run says that was refused before it touched anything."""
    world.control.forget_served()
    before = {vmid: dict(guest.config) for vmid, guest in world.server.state.guests.items()}
    outcome = driver.restore(*replace, **options)
    assert outcome.verdict is Verdict.ERROR
    assert outcome.exit_code != 0
    assert changes(world) == []
    assert {vmid: guest.config for vmid, guest in world.server.state.guests.items()} == before
    return str(outcome.record["error"]["message"])


def good(outcome: Outcome) -> bool:
    return (outcome.verdict, failed(outcome), outcome.exit_code) == (Verdict.PASS, [], 0)


def test_machines_that_are_gone_come_back_as_they_were(world: DrillWorld, driver: Driver) -> None:
    before = {vmid: dict(world.server.state.guests[vmid].config) for vmid in HOSTS.values()}
    nodes = {vmid: world.server.state.guests[vmid].node for vmid in HOSTS.values()}
    lose(world, *HOSTS)
    outcome = driver.restore()
    assert good(outcome), outcome.record
    state = world.server.state
    for vmid, config in before.items():
        guest = state.guests[vmid]
        assert (guest.node, guest.status, vmid in state.pools["shop"].vms) == (nodes[vmid], "running", True)
        kept = {key: value for key, value in guest.config.items() if key in ("name", "net0", "tags", "onboot")}
        assert kept == {key: config[key] for key in kept}
        assert set(kept) == {"name", "net0", "tags", "onboot"}
    assert 4 < outcome.record["tracks"][0]["rpo"]["actual_seconds"] < 60
    assert check(outcome, "what stands was named")["actual"] == "gone: shop-db, shop-web1"
    assert check(outcome, "shop-db: in its pool")["status"] == "passed"
    assert outcome.record["leftovers"] == []


def test_what_stands_is_lost_only_where_it_is_named(world: DrillWorld, driver: Driver) -> None:
    world.write("shop-db", "/etc/later", "written after the backup")
    lose(world, "shop-web1")
    said = refused(world, driver)
    assert "still there, and their disks would be lost: shop-db (qemu/100, running)" in said
    outcome = driver.restore("shop-db")
    assert good(outcome), outcome.record
    assert world.control.read(world.disk(100), "/etc/later", "pve1") is None
    assert world.control.read(world.disk(100), HEARTBEAT, "pve1") is not None
    restored = {int(one["parameters"]["vmid"]): one["parameters"] for one in posts(world, "/qemu")}
    assert "force" in restored[100]
    assert "force" not in restored[101], "what is gone is restored over nothing"


def test_a_machine_outside_its_pool_is_red(world: DrillWorld, driver: Driver) -> None:
    """One that stands is restored over where it stands, unless it is known to be in no pool."""
    for grant in world.server.state.grants:
        grant.path = "/pool/shop" if grant.role == "DrillbookRecoveryPools" else grant.path
    world.server.state.pools["shop"].vms.remove(100)
    outcome = driver.restore(*REPLACE_ALL)
    assert (outcome.verdict, failed(outcome)) == (Verdict.FAIL, ["shop-db: in its pool"])
    assert check(outcome, "shop-web1: in its pool")["status"] == "passed"


def test_a_machine_that_is_in_no_pool_comes_back_into_its_own(world: DrillWorld, driver: Driver) -> None:
    world.server.state.pools["shop"].vms.remove(100)
    assert good(driver.restore(*REPLACE_ALL))
    assert sorted(world.server.state.pools["shop"].vms) == [100, 101]


@pytest.mark.parametrize(
    ("noted", "status", "verdict"), [("", "skipped", Verdict.UNPROVEN), ("-", "passed", Verdict.PASS)]
)
def test_where_the_backup_does_not_say_its_pool_that_stays_unproven(
    world: DrillWorld, driver: Driver, noted: str, status: str, verdict: Verdict
) -> None:
    """`-` is a machine that was in none."""
    for volume in world.server.state.volumes.values():
        volume.notes = volume.notes.replace("pool=shop", f"pool={noted}")
    lose(world, *HOSTS)
    outcome = driver.restore()
    assert (check(outcome, "shop-db: in its pool")["status"], outcome.verdict) == (status, verdict)
    assert world.server.state.pools["shop"].vms == []


OTHERS: dict[str, tuple[Callable[[DrillWorld], object], str]] = {
    "its number is another's": (
        lambda world: (lose(world, "shop-db"), add_machine(world.server.state, 100, "pve2", "ceph", name="bank-db")),
        "its number 100 is that of the qemu guest bank-db",
    ),
    "its number is that of a guest without a name": (
        lambda world: (lose(world, "shop-db"), add_machine(world.server.state, 100, "pve2", "ceph").config.pop("name")),
        "its number 100 is that of the qemu guest",
    ),
    "another has its name": (
        lambda world: add_machine(world.server.state, 700, "pve2", "ceph", name="shop-db"),
        "another guest has its name: qemu/700 on pve2",
    ),
    "its node is away": (lambda world: world.control.faults(offline=["pve2"]), "it is on pve2, which is away"),
    "something holds it": (
        lambda world: world.server.state.guests[100].config.update(lock="migrate"),
        "it is locked (migrate)",
    ),
    "its backup is damaged": (
        lambda world: world.control.backup(backup_of(world, 101), damaged=True),
        "its configuration can't be read out of it",
    ),
    "there is no backup": (
        lambda world: world.server.state.volumes.pop(f"|{backup_of(world, 101)}"),
        "there is no backup of shop-web1",
    ),
    "no credential": (
        lambda world: (world.tokens / "recovery.json").unlink(),
        "the token's id and secret can't be read",
    ),
}


def backup_of(world: DrillWorld, vmid: int) -> str:
    (found,) = [
        volume.volid
        for volume in world.server.state.volumes.values()
        if volume.content == "backup" and volume.vmid == vmid
    ]
    return str(found)


@pytest.mark.parametrize("what", OTHERS)
def test_what_can_t_be_put_back_is_refused_before_anything_is_lost(
    world: DrillWorld, driver: Driver, what: str
) -> None:
    spoil, why = OTHERS[what]
    spoil(world)
    assert why in refused(world, driver, *REPLACE_ALL)


def test_a_name_that_is_no_machine_of_it_is_refused(driver: Driver) -> None:
    with pytest.raises(RefusedError, match="other: no machine of shop"):
        driver.restore("shop-db", "other")


def test_a_point_that_makes_no_sense_is_refused(world: DrillWorld, driver: Driver) -> None:
    assert "random" in refused(world, driver, *REPLACE_ALL, point="random")
    with pytest.raises(RefusedError, match="has no immediate in place"):
        driver.restore(*REPLACE_ALL, point="immediate")


def test_it_comes_back_on_another_node_where_its_own_is_away(world: DrillWorld, driver: Driver) -> None:
    lose(world, *HOSTS)
    world.control.faults(offline=["pve2"])
    outcome = driver.restore()
    assert good(outcome), outcome.record
    assert world.server.state.guests[101].node == "pve1"


def test_what_stands_is_replaced_only_when_what_is_gone_is_back(world: DrillWorld, driver: Driver) -> None:
    """The lost machine's configuration was removed with its dead node, and its cloud-init drive stayed on the storage."""
    state = world.server.state
    left = "ceph:vm-101-cloudinit"
    for volume in state.volumes.values():
        if volume.archive is not None and volume.vmid == 101:
            volume.archive.config["ide2"] = f"{left},media=cdrom"
    lose(world, "shop-web1")
    state.volumes[f"|{left}"] = Volume(left, "", "ceph", "images", "raw", 4 << 20, 101)
    world.write("shop-db", "/etc/later", "written after the backup")
    outcome = driver.restore("shop-db")
    assert (outcome.verdict, outcome.exit_code) == (Verdict.ERROR, 3)
    assert "shop-web1" in outcome.record["error"]["message"]
    assert "pvesm free" in outcome.record["error"]["message"]
    assert world.control.read(world.disk(100), "/etc/later", "pve1") is not None
    assert state.guests[100].running, "and the machine that was well was not touched"
    del state.volumes[f"|{left}"]
    again = driver.restore("shop-db", "shop-web1")
    assert good(again), again.record
    assert state.guests[101].config["ide2"] == f"{left},media=cdrom"


def test_a_restore_that_fails_is_named_and_can_be_made_again(world: DrillWorld, driver: Driver) -> None:
    world.control.faults(fail={"qmrestore": ["no space left", "no space left"]})
    outcome = driver.restore(*REPLACE_ALL)
    assert (outcome.verdict, outcome.exit_code) == (Verdict.ERROR, 3), outcome.record
    assert "no space left" in outcome.record["error"]["message"]
    assert "--replace" in outcome.record["error"]["remedy"]
    world.control.repair()
    assert good(driver.restore(*REPLACE_ALL))


def test_sigkill_leaves_what_the_same_command_goes_on_from(world: DrillWorld, driver: Driver) -> None:
    world.control.faults(slow={"qmrestore": 2.0})
    child = start(world, "restore")
    wait_for(lambda: running(world, "qmrestore") or child.poll() is not None, "qmrestore")
    assert child.poll() is None, child.communicate()
    os.kill(child.pid, signal.SIGKILL)
    child.communicate(timeout=10)
    wait_for(lambda: not running(world, "qmrestore"), "the node to end what it was told to")
    world.control.repair()
    cleaned = finish(start(world, "clean"))
    assert [(entry["left"], entry["closed"]) for entry in cleaned] == [([], True)]
    assert set(HOSTS.values()) <= set(world.server.state.guests), "a machine of production is nobody's leftover"
    assert good(driver.restore(*REPLACE_ALL))


def test_other_network_cards_are_red(world: DrillWorld, driver: Driver) -> None:
    """The note is what the machine had; a restore that gives it others must not be believed."""
    volume = backup_of(world, 100)
    notes = str(next(one.notes for one in world.server.state.volumes.values() if one.volid == volume))
    world.control.backup(volume, notes=notes.replace("BC:24:11", "BC:24:99"))
    outcome = driver.restore(*REPLACE_ALL)
    assert (outcome.verdict, failed(outcome)) == (Verdict.FAIL, ["shop-db: its own network cards"])


def test_a_service_that_does_not_come_back_is_red(world: DrillWorld) -> None:
    inventory = world.inventory(probes={"shop-db": {"units": ["nginx"]}})
    outcome = Driver(inventory).restore(*REPLACE_ALL)
    assert outcome.verdict is Verdict.FAIL
    assert "shop-db: unit nginx" in failed(outcome)


def beat_on(world: DrillWorld, before_start: dict[str, Any] | None) -> None:
    """Have the backup of shop-db hold what the machine's agent writes soon after its restore."""
    later = datetime.now(UTC) + timedelta(minutes=5)
    body = {"service": "shop", "host": "shop-db", "counter": 9, "written_at": format_instant(later)}
    for volume in world.server.state.volumes.values():
        if volume.archive is not None and volume.vmid == HOSTS["shop-db"]:
            for files in volume.archive.disks.values():
                files[HEARTBEAT] = json.dumps({**body, "before_start": before_start}).encode()


def test_what_was_lost_is_told_by_the_heartbeat_that_the_start_has_found(world: DrillWorld, driver: Driver) -> None:
    written = datetime.now(UTC) - timedelta(seconds=100)
    beat_on(world, {"counter": 3, "written_at": format_instant(written)})
    outcome = driver.restore(*REPLACE_ALL)
    assert good(outcome), outcome.record
    assert 99 < outcome.record["tracks"][0]["rpo"]["actual_seconds"] < 130
    assert outcome.record["tracks"][0]["rpo"]["inputs"]["counter"] == 3


@pytest.mark.parametrize(
    ("before_start", "why"),
    [(None, "does not say which heartbeat it found"), ({"counter": 9, "written_at": "2999-01-01T00:00:00Z"}, "twice")],
)
def test_what_was_lost_is_never_guessed(
    world: DrillWorld, driver: Driver, before_start: dict[str, Any] | None, why: str
) -> None:
    beat_on(world, before_start)
    outcome = driver.restore(*REPLACE_ALL)
    assert (outcome.verdict, failed(outcome)) == (Verdict.FAIL, ["shop-db: heartbeat found"])
    assert why in check(outcome, "shop-db: heartbeat found")["message"]


@pytest.mark.parametrize(("role", "privilege"), NEEDED)
def test_each_documented_privilege_is_needed(world: DrillWorld, driver: Driver, role: str, privilege: str) -> None:
    lose(world, *HOSTS)
    world.server.state.roles[role].remove(privilege)
    outcome = driver.restore()
    assert outcome.verdict is not Verdict.PASS, f"{privilege} is given for nothing"
