"""A drill of machines against the Proxmox VE test server: what a good one does, and each thing that must turn it red."""

from __future__ import annotations

import json
from datetime import timedelta
from time import sleep
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.machine_drills.driver import Driver
from tests.contract.machine_drills.world import HEARTBEAT, HOSTS, HOW_TO, RANGE, shell_rules
from tests.support.proxmox.guests.no_cloud import no_cloud_files
from tests.support.proxmox.state import Guest

from drillbook.evidence import render_html, render_junit
from drillbook.model import BackupNote, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.machine_drills.world import DrillWorld

    from drillbook.run.runner import Outcome


def failed(outcome: Outcome) -> list[str]:
    return [check["name"] for check in outcome.record["checks"] if check["status"] == "failed"]


def check(outcome: Outcome, name: str) -> dict[str, Any]:
    (found,) = [entry for entry in outcome.record["checks"] if entry["name"] == name]
    return dict(found)


def posts(world: DrillWorld, path: str) -> list[dict[str, Any]]:
    return [one for one in world.control.served("POST") if one["path"].endswith(path)]


def test_a_good_drill_passes_and_leaves_nothing(world: DrillWorld, driver: Driver) -> None:
    outcome = driver.run()
    assert (outcome.verdict, failed(outcome), outcome.exit_code) == (Verdict.PASS, [], 0), outcome.record
    record = outcome.record
    assert [phase["name"] for phase in record["tracks"][0]["phases"]] == [
        "declare",
        "select",
        "transfer",
        "start",
        "verify",
        "prove",
        "teardown",
    ]
    assert 4 < record["tracks"][0]["rpo"]["actual_seconds"] < 60
    assert {entry["host"] for entry in record["tracks"][0]["recovery_point"]["chosen"]["machines"]} == set(HOSTS)
    assert record["tracks"][0]["isolated"] is True
    assert [entry["state"] for entry in record["cleanup"]] == ["removed", "removed"]
    assert world.drill_guests() == []
    assert driver.kinds() == ["opened", "closed"]
    for report in (render_html(record), render_junit(record)):
        assert "shop-web1: heartbeat found" in report


def test_what_drillbook_backed_up_can_be_drilled(world: DrillWorld, driver: Driver) -> None:
    """By the command line's own parts, so that the notes are those that are really written."""
    world.server.state.volumes = {
        key: volume for key, volume in world.server.state.volumes.items() if volume.content != "backup"
    }
    group = driver.configuration.machine_group("shop")
    assert group.backup is not None
    taker = world.taker()
    for machine in taker.find(group.hosts):
        note = BackupNote(machine.host, "shop", "run", machine.identifier).render()
        taker.back_up(machine, group.backup, note=note, timeout=timedelta(seconds=20))
    sleep(1.1)  # a backup's time is in whole seconds, and one of the future is not seen
    outcome = driver.run()
    assert (outcome.verdict, outcome.record["error"]) == (Verdict.PASS, None)


def test_the_machines_were_isolated_in_the_call_that_restored_them(world: DrillWorld, driver: Driver) -> None:
    outcome = driver.run(keep=True)
    assert outcome.verdict is Verdict.PASS
    restores = [one for one in posts(world, "/qemu") if "pool" in one["parameters"] and "archive" in one["parameters"]]
    assert len(restores) == len(HOSTS)
    for one in restores:
        assert one["parameters"]["net0"] == "virtio,bridge=vmbr9"
        assert one["parameters"]["unique"] in (1, "1", True)
        assert "start" not in one["parameters"]
    macs = {str(guest.config["net0"]).split(",")[0] for guest in world.server.state.guests.values()}
    assert len(macs) == 2 * len(HOSTS)
    for vmid in world.drill_guests():
        config = world.server.state.guests[vmid].config
        assert (config["onboot"], vmid in world.server.state.pools["drill"].vms) == (0, True)
        assert "production" not in str(config["tags"])
    cleaned = driver.cleaner().clean()
    assert [entry.left for entry in cleaned] == [()]
    assert world.drill_guests() == []


def test_to_cloud_init_a_copy_is_a_new_machine_with_the_name_that_the_how_to_says(
    world: DrillWorld, driver: Driver
) -> None:
    """By the very drive that the server makes of its configuration, as qemu-server does."""
    driver.run(keep=True)
    guests = world.server.state.guests
    (copy,) = (guests[vmid] for vmid in world.drill_guests() if guests[vmid].name == "drill-shop-db")
    assert "hostname: drill-shop-db\n" in no_cloud_files(copy)["user-data"]
    assert no_cloud_files(copy)["meta-data"] != no_cloud_files(guests[100])["meta-data"]
    assert "`drill-shop-db`" in HOW_TO.read_text(encoding="utf-8")
    driver.cleaner().clean()


def test_the_second_stage_starts_when_the_first_answers(world: DrillWorld, driver: Driver) -> None:
    driver.run()
    calls = [one["path"].split("/qemu/")[1] for one in world.control.served("POST") if "/qemu/90" in one["path"]]
    first = next(number for number, path in enumerate(calls) if path.endswith("agent/ping"))
    second = [number for number, path in enumerate(calls) if path.endswith("status/start")][1]
    assert first < second


def silence(world: DrillWorld) -> None:
    world.control.faults(silent_agents=list(RANGE))


def spoil_shell(**rules: Any) -> Callable[[DrillWorld], None]:
    def spoil(world: DrillWorld) -> None:
        world.write("shop-db", "/bin/sh", shell_rules(**rules))
        world.back_up("shop-db")

    return spoil


def no_unit(world: DrillWorld) -> None:
    rules = [
        {**rule, "out": "unit postgresql failed\nopen 127.0.0.1 5432\n"} if rule["contains"] == "systemctl" else rule
        for rule in json.loads(shell_rules())
    ]
    world.write("shop-db", "/bin/sh", json.dumps(rules))
    world.back_up("shop-db")


def no_heartbeat(world: DrillWorld) -> None:
    world.write("shop-web1", HEARTBEAT, "{")
    world.back_up("shop-web1")


def foreign_disk(world: DrillWorld) -> None:
    world.beat("shop-web1", name="shop-db")
    world.back_up("shop-web1")


def lost_too_much(world: DrillWorld) -> None:
    """An old backup that was copied again yesterday: it is judged by what is on its disk."""
    world.beat("shop-db", age=5000)
    world.back_up("shop-db")


RED = {
    "production answers": (
        spoil_shell(reached=("192.0.2.12:22", "192.0.2.50:22")),
        "shop-db: nothing of production answers",
    ),
    "a name resolves": (
        spoil_shell(reached=("192.0.2.12:22", "example.com")),
        "shop-db: nothing of production answers",
    ),
    "the internet answers": (
        spoil_shell(reached=("192.0.2.12:22", "1.1.1.1:443")),
        "shop-db: nothing of production answers",
    ),
    "a dead network": (spoil_shell(reached=()), "shop-db: its network is alive"),
    "a failed unit": (no_unit, "shop-db: unit postgresql"),
    "an unreadable file": (spoil_shell(bad=1), "shop-db: every file read"),
    "a torn heartbeat": (no_heartbeat, "shop-web1: heartbeat found"),
    "another machine's disk": (foreign_disk, "shop-web1: heartbeat found"),
}


@pytest.mark.parametrize("cause", RED)
def test_what_must_turn_it_red(world: DrillWorld, driver: Driver, cause: str) -> None:
    spoil, name = RED[cause]
    spoil(world)
    outcome = driver.run()
    implied = ["isolation proven"] if check(outcome, name)["stage"] == "isolation" else []
    assert (outcome.verdict, failed(outcome)) == (Verdict.FAIL, [name, *implied]), outcome.record
    assert check(outcome, name)["message"]
    assert world.drill_guests() == []
    assert driver.kinds() == ["opened", "closed"]


def test_a_node_that_answers_on_the_isolated_bridge_is_red(
    world: DrillWorld, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no host of the inventory, and its addresses are those that the controller asks it by."""
    monkeypatch.setattr("drillbook.providers.proxmox.restores.addresses_of", lambda _name: ("192.0.2.200",))
    spoil_shell(reached=("192.0.2.12:22", "192.0.2.200:8006"))(world)
    outcome = driver.run()
    assert outcome.verdict is Verdict.FAIL
    found = check(outcome, "shop-db: nothing of production answers")
    assert (found["status"], found["actual"]) == ("failed", "192.0.2.200:8006")


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("db.example.org", "the inventory says no address of other, so it was not tried"),
        (None, "the inventory has no other host, so no address of production was tried"),
    ],
)
def test_silence_where_nothing_of_production_was_tried_proves_nothing(
    world: DrillWorld, address: str | None, why: str
) -> None:
    inventory = world.inventory()
    if address is None:
        inventory["others"]["hosts"] = []
    else:
        inventory["_meta"]["hostvars"]["other"] = {"ansible_host": address}
    outcome = Driver(inventory).run()
    found = check(outcome, "shop-db: nothing of production answers")
    assert (found["status"], found["message"], outcome.verdict) == ("skipped", why, Verdict.UNPROVEN)
    names = [entry["name"] for entry in outcome.record["checks"] if entry["stage"] == "isolation"]
    assert "isolation proven" not in names, "what was left open is said, and not that nothing was reported"


def test_an_old_disk_in_a_new_backup_misses_the_rpo(world: DrillWorld, driver: Driver) -> None:
    lost_too_much(world)
    outcome = driver.run()
    assert (outcome.verdict, outcome.record["tracks"][0]["rpo"]["met"], failed(outcome)) == (Verdict.FAIL, False, [])
    assert outcome.record["tracks"][0]["rpo"]["actual_seconds"] > 4000


def test_a_heartbeat_later_than_the_disaster_is_a_clock_fault(world: DrillWorld, driver: Driver) -> None:
    world.beat("shop-db", age=-100)
    world.beat("shop-web1", age=-100)
    for host in HOSTS:
        world.back_up(host)
    outcome = driver.run()
    assert outcome.verdict is Verdict.ERROR
    assert "clock fault" in outcome.record["error"]["message"]


def test_a_machine_that_breaks_out_is_not_looked_at_further(world: DrillWorld, driver: Driver) -> None:
    spoil_shell(reached=("192.0.2.12:22", "192.0.2.50:22"))(world)
    stages = {entry["stage"] for entry in driver.run().record["checks"] if entry["status"] != "skipped"}
    assert stages == {"gate", "isolation"}


def test_a_card_that_the_note_hides_is_not_restored_where_production_is(world: DrillWorld, driver: Driver) -> None:
    guest = world.server.state.guests[100]
    guest.config["net1"] = "virtio=BC:24:11:00:99:01,bridge=vmbr0"
    volume = world.back_up("shop-db")
    del guest.config["net1"]
    volume.notes = volume.notes.rpartition(",")[0]
    outcome = driver.run()
    assert outcome.verdict is Verdict.ERROR
    assert "SDN.Use" in outcome.record["error"]["message"]
    assert posts(world, "/status/start") == []
    assert world.drill_guests() == []


BROKEN = {
    "no backup": (lambda world: world.server.state.volumes.clear(), "there is no backup of shop-db, shop-web1"),
    "the agent is silent": (silence, "did not answer within 3 s"),
    "the restore is aborted": (lambda world: world.control.faults(abort={"qmrestore": 1}), "interrupted by signal"),
    "the scratch storage is full": (lambda world: world.control.faults(full_storages=["scratch"]), "No space left"),
    "the scratch storage is missing": (
        lambda world: world.server.state.storages.pop("scratch"),
        "storage 'scratch' does not exist",
    ),
    "no quorum": (lambda world: world.control.faults(quorum_lost=True), "quorum"),
    "the node is away": (lambda world: world.control.faults(offline=["pve3"]), "does not answer"),
    "no note": (
        lambda world: [setattr(volume, "notes", "by hand") for volume in world.server.state.volumes.values()],
        "there is no backup of",
    ),
}


@pytest.mark.parametrize("cause", BROKEN)
def test_what_can_t_be_carried_out_says_why_and_leaves_nothing(world: DrillWorld, driver: Driver, cause: str) -> None:
    breaking, message = BROKEN[cause]
    breaking(world)
    outcome = driver.run()
    assert outcome.verdict is Verdict.ERROR
    assert message in outcome.record["error"]["message"], outcome.record["error"]
    assert outcome.record["error"]["remedy"]
    world.control.repair()
    driver.cleaner().clean()
    assert world.drill_guests() == []
    assert driver.kinds() == ["opened", "closed"]


def test_a_number_that_somebody_else_was_faster_with_is_replaced(world: DrillWorld, driver: Driver) -> None:
    """nextid says that it is free, and then it is not: nothing of the other is touched."""
    world.control.faults(nextid_taken=1)
    outcome = driver.run()
    assert outcome.verdict is Verdict.PASS, outcome.record["error"]
    assert [entry["state"] for entry in outcome.record["cleanup"]] == ["removed"] * 3
    assert world.drill_guests() == [9000]
    assert world.server.state.guests[9000].config == {"name": "other-client"}


def test_a_full_range_is_refused(world: DrillWorld, driver: Driver) -> None:
    for vmid in RANGE:
        world.server.state.guests[vmid] = Guest(vmid, "qemu", "pve1", {"name": "another's"})
    outcome = driver.run()
    assert "no number from 9000 to 9003 is free" in outcome.record["error"]["message"]
    assert world.drill_guests() == list(RANGE), "and others' guests are left alone"


def test_a_restore_whose_answer_was_lost_is_looked_up(world: DrillWorld, driver: Driver) -> None:
    world.control.cut_connection("POST", "/pve3/qemu$", count=3, accepted=True)
    outcome = driver.run()
    assert outcome.verdict is Verdict.PASS, outcome.record["error"]
    made = [one for one in posts(world, "/pve3/qemu") if "pool" in one["parameters"]]
    assert len(made) == 2 * len(HOSTS), "one to take the number and one to restore, for each machine"


def live(world: DrillWorld) -> Driver:
    inventory = world.inventory()
    inventory["all"]["vars"]["drillbook_providers"][0]["drill"]["live"] = True
    return Driver(inventory)


def test_a_live_restore_is_told_as_two_times(world: DrillWorld) -> None:
    """Far longer than all the rest takes on a busy machine, because the first time has to lie before its end."""
    copying = 8.0
    world.control.faults(slow={"qmrestore": copying})
    record = live(world).run().record
    assert (record["error"], [entry["name"] for entry in record["checks"] if entry["status"] == "failed"]) == (None, [])
    assert (
        record["tracks"][0]["time_to_first_answer_seconds"]
        < record["tracks"][0]["rto"]["actual_seconds"]
        < copying
        <= record["tracks"][0]["facts"]["fully_local_seconds"]
    )
    assert world.drill_guests() == []


def test_a_live_restore_that_fails_on_the_way_is_an_error(world: DrillWorld) -> None:
    world.control.faults(slow={"qmrestore": 2.0}, fail={"qmrestore": ["backup server went away"]})
    record = live(world).run().record
    assert record["verdict"] == "ERROR"
    assert "backup server went away" in record["error"]["message"]
    assert world.drill_guests() == []
