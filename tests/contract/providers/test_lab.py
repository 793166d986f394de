"""What only the lab's backups, and a drill's containers made of them, can get wrong; the rest is in the suites for all providers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest
from tests.contract.providers.lab import FILE, MACS

from drillbook.clock import SystemClock
from drillbook.errors import ConfigurationError, InfrastructureError, RefusedError
from drillbook.model import BackupMode, BackupNote, BackupRules, Retention
from drillbook.providers import Backups, LimitedCredential, Restores, open_backups, open_restores
from drillbook.providers.lab.place import LabDrillRange

if TYPE_CHECKING:
    from tests.contract.providers.lab import LabWorld

    from drillbook.model import Backup, Machine

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


def back_up(backups: Backups, machine: Machine) -> Backup:
    note = BackupNote(machine.host, "shop", "one", machine.identifier).render()
    return backups.back_up(machine, RULES, note=note, timeout=LIMIT)


def wait_until_it_answers(restores: Restores, machine: Machine) -> None:
    deadline = monotonic() + 30
    while not restores.answers(machine):
        assert monotonic() < deadline
        sleep(0.2)


def test_a_note_is_kept_letter_by_letter(lab_database: LabWorld, backups: Backups) -> None:
    made = backups.back_up(lab_database.database(), RULES, note='{"a": "b $HOME"}', timeout=LIMIT)
    assert made.note == '{"a": "b $HOME"}'
    assert made.source == lab_database.database().identifier
    assert made.size


def test_a_restored_container_has_one_card_and_no_way_out(
    lab_database: LabWorld, backups: Backups, restores: Restores
) -> None:
    world, original = lab_database, lab_database.database()
    made = back_up(backups, original)
    machine = restores.restore(restores.claim("shop-db", RUN, ()), made, LIMIT)
    (card,) = restores.cards(machine)
    assert MACS["shop-db"] in restores.forbidden_macs(made)
    restores.start(machine, LIMIT)
    wait_until_it_answers(restores, machine)
    inside = restores.run(machine, "cat; hostname; ls /sys/class/net; cat /sys/class/net/eth0/address", LIMIT)
    assert inside.output.split() == ["shop-db", "eth0", "lo", card.mac]
    # No way out: not one route with a gateway, and none to the network that the machine itself is on.
    routes = [line.split()[:3] for line in restores.run(machine, "cat /proc/net/route", LIMIT).output.splitlines()[1:]]
    assert [(interface, gateway) for interface, _target, gateway in routes] == [("eth0", "00000000")]
    made_of = world.inspect(machine.identifier)
    assert (made_of["Mounts"], made_of["HostConfig"]["PortBindings"]) == ([], {})
    assert [found.identifier for found in world.snapshots.find(("shop-db",))] == [original.identifier]
    with pytest.raises(InfrastructureError, match="in use"):
        backups.remove(made, LIMIT)
    assert backups.backups(("shop-db",), RULES) == (made,)
    assert not isinstance(restores, LimitedCredential), "whoever may use podman may do everything"


def test_a_script_stays_out_of_argument_lists_and_ends_in_time(
    lab_database: LabWorld, backups: Backups, restores: Restores
) -> None:
    claim = restores.claim("shop-db", RUN, ())
    machine = restores.restore(claim, back_up(backups, lab_database.database()), LIMIT)
    restores.start(machine, LIMIT)
    wait_until_it_answers(restores, machine)
    looks = (
        "word=hush; all=$(cat /proc/[0-9]*/cmdline | tr '\\0' ' '); : hush-hush\n"
        'case $all in *"$word-hush"*) echo seen;; *) echo hidden;; esac'
    )
    assert restores.run(machine, looks, LIMIT).output == "hidden\n"
    with pytest.raises(InfrastructureError, match="was killed"):
        restores.run(machine, "sleep 4321 & sleep 4321", timedelta(seconds=1))
    assert restores.run(machine, "cat /proc/[0-9]*/comm | grep -c '^sleep$'", LIMIT).output == "0\n"
    assert restores.run(machine, "exit 137", LIMIT).exit_code == 137
    lab_database.podman("stop", "--time", "0", machine.identifier)
    assert not restores.answers(machine)
    with pytest.raises(InfrastructureError, match="nothing can be run inside"):
        restores.run(machine, "true", LIMIT)


def test_what_is_no_backup_of_the_host_is_refused(lab_database: LabWorld, backups: Backups, restores: Restores) -> None:
    world, original = lab_database, lab_database.database()
    made, claim = back_up(backups, original), restores.claim("shop-db", RUN, ())
    for wrong in (world.inspect(original.identifier)["ImageName"], f"{made.identifier}0"):
        with pytest.raises(RefusedError, match="no such backup"):
            restores.restore(claim, replace(made, identifier=wrong), LIMIT)
    renamed = made.identifier.replace("/shop-db:", "/shop-web1:")
    world.podman("tag", made.identifier, renamed)
    with pytest.raises(RefusedError, match=r"of shop-web1, and its labels say that it is of shop-db"):
        restores.restore(
            restores.claim("shop-web1", RUN, ()), replace(made, identifier=renamed, host="shop-web1"), LIMIT
        )
    assert world.names() == {original.identifier}
    assert claim.identifier != restores.claim("shop-db", OTHER_RUN, ()).identifier


def test_a_network_that_is_not_isolated_is_refused(lab_database: LabWorld, backups: Backups) -> None:
    world = lab_database
    made = back_up(backups, world.database())
    world.podman("network", "create", f"{world.prefix}-open")
    try:
        for network, why in (
            (world.production, "is on it"),
            (f"{world.prefix}-open", r"has a way out.*DNS resolves"),
        ):
            wrong = open_restores(
                world.place.model_copy(update={"drill": LabDrillRange(network=network)}), SystemClock()
            )
            with pytest.raises(RefusedError, match=why):
                wrong.restore(wrong.claim("shop-db", RUN, ()), made, LIMIT)
    finally:
        world.podman("network", "rm", f"{world.prefix}-open")
    none = open_restores(world.place.model_copy(update={"drill": LabDrillRange(network="no-such")}), SystemClock())
    with pytest.raises(ConfigurationError, match="knows no such network"):
        none.restore(none.claim("shop-db", RUN, ()), made, LIMIT)
    with pytest.raises(ConfigurationError, match="no range for drills"):
        open_restores(world.place.model_copy(update={"drill": None}), SystemClock())
    assert world.names() == {world.database().identifier}


def test_a_card_elsewhere_is_seen(lab_database: LabWorld, backups: Backups, restores: Restores) -> None:
    world = lab_database
    machine = restores.restore(restores.claim("shop-db", RUN, ()), back_up(backups, world.database()), LIMIT)
    world.podman("network", "connect", world.production, machine.identifier)
    assert {card.network for card in restores.cards(machine)} == {world.drill, world.production}
    bare = replace(
        machine, identifier=f"{world.prefix}-bare"
    )  # made and not started: it would be this machine's own network
    world.podman(
        "create", "--name", bare.identifier, f"--label=drillbook.lab={world.prefix}", "--network=host", world.image
    )
    assert [card.network for card in restores.cards(bare)] == ["host"]


def test_a_backup_with_one_letter_changed_is_red(lab_database: LabWorld, backups: Backups) -> None:
    world, machine = lab_database, lab_database.database()
    world.write(machine, "good")
    made = back_up(backups, machine)
    assert backups.fault(made, RULES, LIMIT) is None
    (world.layer(made) / FILE.lstrip("/")).write_text("gooD")
    assert "checksum failed" in str(backups.fault(made, RULES, LIMIT))


def test_a_machine_that_is_shut_down_for_its_backup_runs_again(lab_database: LabWorld, backups: Backups) -> None:
    world, machine = lab_database, lab_database.database()
    world.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    started = world.inspect(machine.identifier)["State"]["StartedAt"]
    backups.back_up(machine, replace(RULES, mode=BackupMode.STOP), note="", timeout=LIMIT)
    assert world.runs(machine)
    assert world.inspect(machine.identifier)["State"]["StartedAt"] != started
    assert len(backups.backups(("shop-db",), RULES)) == 1, "and its snapshot is none"


def test_what_can_not_be_backed_up_is_refused_by_name(lab_database: LabWorld, backups: Backups) -> None:
    machine = lab_database.database()
    assert "no thick" in str(backups.refusal(machine, replace(RULES, storage="thick")))
    lab_database.snapshots.freeze(machine, LIMIT)
    paused = lab_database.database()
    assert backups.refusal(paused, RULES) == "it is paused already"
    with pytest.raises(RefusedError, match="paused already"):
        backups.back_up(paused, RULES, note="", timeout=LIMIT)
    lab_database.snapshots.thaw(machine, LIMIT)
    lab_database.podman("rename", machine.identifier, f"{machine.identifier}.replaced")
    assert "was not finished" in str(backups.refusal(machine, RULES))
    lab_database.podman("rm", "--force", "--time", "0", f"{machine.identifier}.replaced")
    assert backups.refusal(machine, RULES) == "its container is not there any more"
