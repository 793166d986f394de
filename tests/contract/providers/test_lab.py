"""The lab's backups, and a drill's containers made of them: what comes back, and what is never touched."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest
from tests.contract.providers.lab import FILE, MACS

from drillbook.clock import SystemClock
from drillbook.errors import ConfigurationError, InfrastructureError, RefusedError, TakenError
from drillbook.model import BackupMode, BackupRules, Claim, LabDrillRange, Machine, Retention
from drillbook.providers import Backups, Restores, open_backups, open_restores

if TYPE_CHECKING:
    from tests.contract.providers.lab import LabWorld

pytestmark = pytest.mark.lab
LIMIT = timedelta(seconds=60)
RULES = BackupRules("", BackupMode.SNAPSHOT, "", "", Retention(), timedelta(hours=1))
RUN, OTHER_RUN = "20261121T203551Z-machines-latest-ab12", "20261121T203551Z-machines-latest-cd34"


@pytest.fixture
def backups(lab_database: LabWorld) -> Backups:
    return open_backups(lab_database.place, SystemClock())


@pytest.fixture
def restores(lab_database: LabWorld) -> Restores:
    return open_restores(lab_database.place, SystemClock())


def wait_until_it_answers(restores: Restores, machine: Machine) -> None:
    deadline = monotonic() + 30
    while not restores.answers(machine):
        assert monotonic() < deadline
        sleep(0.2)


def test_what_was_backed_up_comes_back_beside_the_machine(
    lab_database: LabWorld, backups: Backups, restores: Restores
) -> None:
    world, original = lab_database, lab_database.database()
    world.write(original, "good")
    assert backups.refusal(original, RULES) is None
    made = backups.back_up(original, RULES, note='{"a": "b $HOME"}', timeout=LIMIT)
    world.write(original, "bad")
    assert restores.backups(("shop-db", "shop-web1"), RULES) == (made,)
    assert (made.host, made.source, made.note, made.protected) == (
        "shop-db",
        original.identifier,
        '{"a": "b $HOME"}',
        False,
    )
    assert made.size

    claim = restores.claim("shop-db", RUN, ())
    machine = restores.restore(claim, made, LIMIT)
    assert world.state(machine.identifier) == "created"
    (card,) = restores.cards(machine)
    assert card.network == restores.isolated_network() == world.drill
    assert MACS["shop-db"] in restores.forbidden_macs(made)
    assert card.mac not in restores.forbidden_macs(made)
    assert not restores.answers(machine)
    restores.start(machine, LIMIT)
    wait_until_it_answers(restores, machine)

    inside = restores.run(machine, f"cat; cat {FILE}; echo; hostname; ls /sys/class/net; exit 3", LIMIT)
    assert (inside.exit_code, inside.output.split()) == (3, ["good", "shop-db", "eth0", "lo"])
    assert restores.cards(machine) == (card,)
    assert card.mac == restores.run(machine, "cat /sys/class/net/eth0/address", LIMIT).output.strip()
    # No way out: not one route with a gateway, and none to the network that the machine itself is on.
    routes = [line.split()[:3] for line in restores.run(machine, "cat /proc/net/route", LIMIT).output.splitlines()[1:]]
    assert [(interface, gateway) for interface, _target, gateway in routes] == [("eth0", "00000000")]
    made_of = world.inspect(machine.identifier)
    assert (made_of["Mounts"], made_of["HostConfig"]["PortBindings"]) == ([], {})
    assert (world.read(original), world.runs(original)) == ("bad", True)
    assert [found.identifier for found in world.snapshots.find(("shop-db",))] == [original.identifier]

    with pytest.raises(InfrastructureError, match="in use"):
        backups.remove(made, LIMIT)
    assert backups.backups(("shop-db",), RULES) == (made,)
    for _ in range(2):
        restores.destroy(claim, LIMIT)
        assert world.names() == {original.identifier}
    assert not restores.separate()
    assert "podman" in str(restores.overreach(("shop-db",)))


def test_a_script_stays_out_of_argument_lists_and_ends_in_time(
    lab_database: LabWorld, backups: Backups, restores: Restores
) -> None:
    claim = restores.claim("shop-db", RUN, ())
    machine = restores.restore(claim, backups.back_up(lab_database.database(), RULES, note="", timeout=LIMIT), LIMIT)
    restores.start(machine, LIMIT)
    wait_until_it_answers(restores, machine)
    looks = (
        "word=hush; all=$(cat /proc/[0-9]*/cmdline | tr '\\0' ' '); : hush-hush\n"
        'case $all in *"$word-hush"*) echo seen;; *) echo hidden;; esac'
    )
    assert restores.run(machine, looks, LIMIT).output == "hidden\n"
    began = monotonic()
    with pytest.raises(InfrastructureError, match="was killed"):
        restores.run(machine, "sleep 4321 & sleep 4321", timedelta(seconds=1))
    assert monotonic() - began < 10
    assert restores.run(machine, "cat /proc/[0-9]*/comm | grep -c '^sleep$'", LIMIT).output == "0\n"
    assert restores.run(machine, "exit 137", LIMIT).exit_code == 137
    lab_database.podman("stop", "--time", "0", machine.identifier)
    assert not restores.answers(machine)
    with pytest.raises(InfrastructureError, match="nothing can be run inside"):
        restores.run(machine, "true", LIMIT)


def test_a_name_that_is_taken_is_left_and_another_one_claimed(
    lab_database: LabWorld, backups: Backups, restores: Restores
) -> None:
    made = backups.back_up(lab_database.database(), RULES, note="", timeout=LIMIT)
    first = restores.claim("shop-db", RUN, ())
    restores.restore(first, made, LIMIT)
    before = lab_database.inspect(first.identifier)["Id"]
    with pytest.raises(TakenError):
        restores.restore(first, made, LIMIT)
    assert lab_database.inspect(first.identifier)["Id"] == before
    second = restores.claim("shop-db", RUN, {first.identifier})
    assert second.identifier not in {first.identifier, restores.claim("shop-db", OTHER_RUN, ()).identifier}
    restores.restore(second, made, LIMIT)
    restores.destroy(second, LIMIT)
    assert first.identifier in lab_database.names()


def test_hostile_claims_remove_nothing(lab_database: LabWorld, backups: Backups, restores: Restores) -> None:
    world, original = lab_database, lab_database.database()
    made = backups.back_up(original, RULES, note="", timeout=LIMIT)
    claim = restores.claim("shop-db", RUN, ())
    restores.restore(claim, made, LIMIT)
    unmarked = f"{world.prefix}-drill-unmarked-shop-db"
    world.add(unmarked, "shop-web2", f"--network={world.production}")
    there = world.names()
    for hostile in (
        Claim("lab", "shop-db", original.identifier, RUN),
        Claim("lab", "shop-db", world.inspect(claim.identifier)["Id"], RUN),
        Claim("lab", "shop-db", unmarked, RUN),
        Claim("lab", "shop-db", unmarked, ""),
        replace(claim, run_id=OTHER_RUN),
        replace(claim, run_id=""),
        replace(claim, provider="elsewhere"),
    ):
        with pytest.raises(RefusedError, match=r"a drill's|not this run's"):
            restores.destroy(hostile, LIMIT)
        assert world.names() == there
    with pytest.raises(RefusedError, match="are a drill's"):
        restores.restore(replace(claim, identifier=f"{world.prefix}-shop-db2"), made, LIMIT)
    for hostile in (replace(claim, host="shop-web1"), replace(claim, run_id="")):
        with pytest.raises(RefusedError, match="it is claimed for"):
            restores.restore(replace(hostile, identifier=f"{claim.identifier}-2"), made, LIMIT)
    for wrong in (world.inspect(original.identifier)["ImageName"], f"{made.identifier}0"):
        with pytest.raises(RefusedError, match="no such backup"):
            restores.restore(restores.claim("shop-db", OTHER_RUN, ()), replace(made, identifier=wrong), LIMIT)
    assert world.names() == there


def test_a_network_that_is_not_isolated_is_refused(lab_database: LabWorld, backups: Backups) -> None:
    world = lab_database
    made = backups.back_up(world.database(), RULES, note="", timeout=LIMIT)
    world.podman("network", "create", f"{world.prefix}-open")
    try:
        for network, why in (
            (world.production, "is on it"),
            (f"{world.prefix}-open", r"has a way out.*DNS resolves"),
        ):
            wrong = open_restores(replace(world.place, drill=LabDrillRange(network, "")), SystemClock())
            with pytest.raises(RefusedError, match=why):
                wrong.restore(wrong.claim("shop-db", RUN, ()), made, LIMIT)
    finally:
        world.podman("network", "rm", f"{world.prefix}-open")
    none = open_restores(replace(world.place, drill=LabDrillRange("no-such", "")), SystemClock())
    with pytest.raises(ConfigurationError, match="knows no such network"):
        none.restore(none.claim("shop-db", RUN, ()), made, LIMIT)
    with pytest.raises(ConfigurationError, match="no range for drills"):
        open_restores(replace(world.place, drill=None), SystemClock())
    assert world.names() == {world.database().identifier}


def test_a_card_elsewhere_is_seen(lab_database: LabWorld, backups: Backups, restores: Restores) -> None:
    world = lab_database
    machine = restores.restore(restores.claim("shop-db", RUN, ()), backups.back_up(world.database(), RULES, note="", timeout=LIMIT), LIMIT)  # fmt: skip
    world.podman("network", "connect", world.production, machine.identifier)
    assert {card.network for card in restores.cards(machine)} == {world.drill, world.production}
    bare = replace(
        machine, identifier=f"{world.prefix}-bare"
    )  # made and not started: it would be this machine's own network
    world.podman(
        "create", "--name", bare.identifier, f"--label=drillbook.lab={world.prefix}", "--network=host", world.image
    )
    assert [card.network for card in restores.cards(bare)] == ["host"]


def test_a_damaged_backup_is_red(lab_database: LabWorld, backups: Backups) -> None:
    world, machine = lab_database, lab_database.database()
    world.write(machine, "good")
    made = backups.back_up(machine, RULES, note="", timeout=LIMIT)
    assert backups.fault(made, RULES, LIMIT) is None
    layer = world.podman("image", "inspect", "--format", "{{.GraphDriver.Data.UpperDir}}", made.identifier).strip()
    file = Path(layer) / FILE.lstrip("/")
    file.write_text("gooD")
    assert "checksum failed" in str(backups.fault(made, RULES, LIMIT))
    file.unlink()
    assert "can't be read" in str(backups.fault(made, RULES, LIMIT))
    backups.remove(made, LIMIT)
    assert backups.fault(made, RULES, LIMIT) == "the image is gone"


def test_backups_outlive_their_machine_and_go_when_they_may(lab_database: LabWorld, backups: Backups) -> None:
    world, machine = lab_database, lab_database.database()
    first = backups.back_up(machine, RULES, note="first", timeout=LIMIT)
    second = backups.back_up(machine, replace(RULES, mode=BackupMode.STOP), note="second", timeout=LIMIT)
    assert world.runs(machine)
    world.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    world.podman("rm", "--force", "--time", "0", machine.identifier)
    assert backups.backups(("shop-db",), RULES) == (first, second)
    assert backups.backups(("shop-web1",), RULES) == ()
    for _ in range(2):
        backups.protect(first, protected=True)
        assert [backup.protected for backup in backups.backups(("shop-db",), RULES)] == [True, False]
    with pytest.raises(RefusedError, match="protected"):
        backups.remove(first, LIMIT)
    for _ in range(2):
        backups.protect(first, protected=False)
    for _ in range(2):
        backups.remove(first, LIMIT)
    assert backups.backups(("shop-db",), RULES) == (second,)
    assert [found.name for found in world.snapshots.snapshots(machine)] == ["drillbook-one"]


def test_what_can_not_be_backed_up_is_refused_by_name(lab_database: LabWorld, backups: Backups) -> None:
    machine = lab_database.database()
    assert "no thick" in str(backups.refusal(machine, replace(RULES, storage="thick")))
    lab_database.snapshots.freeze(machine, LIMIT)
    paused = lab_database.database()
    assert backups.refusal(paused, RULES) == "it is paused already"
    with pytest.raises(RefusedError, match="paused already"):
        backups.back_up(paused, RULES, note="", timeout=LIMIT)
    lab_database.snapshots.thaw(machine, LIMIT)
