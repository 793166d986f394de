"""One suite for all providers: what `Restores` promises."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

from drillbook.concurrently import concurrently
from drillbook.errors import DrillbookError, InfrastructureError, RefusedError, TakenError
from drillbook.model import BackupNote, GuestAnswer, Power
from drillbook.providers import HostSettings, LimitedCredential, LiveRestores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.providers.world import RestoreWorld

    from drillbook.model import Backup, Claim, Machine
    from drillbook.providers import Restores

LIMIT = timedelta(seconds=60)
HOST, OTHER = "shop-db", "shop-web1"
RUN, OTHER_RUN = "20261121T203551Z-machines-latest-ab12", "20261121T203551Z-machines-latest-cd34"
FILE, LATER = "/var/lib/content", "/var/lib/content-later"
SAYS, HANGS = "cat /var/lib/content; exit 3", "sleep 4321"


@contextmanager
def untouched(world: RestoreWorld) -> Iterator[None]:
    """Nothing of production is another for the length of the block."""
    before = world.production()
    yield
    assert world.production() == before


def restored(world: RestoreWorld, backup: Backup) -> tuple[Claim, Machine]:
    claim = world.restores.claim(backup.host, RUN, ())
    return claim, world.restores.restore(claim, backup, LIMIT)


def start(restores: Restores, machine: Machine) -> None:
    restores.start(machine, LIMIT)
    restores.start(machine, LIMIT)
    deadline = monotonic() + 60
    while not restores.answers(machine):
        assert monotonic() < deadline
        sleep(0.2)


def test_a_claim_makes_nothing_and_avoids_what_is_taken(restore_world: RestoreWorld) -> None:
    with untouched(restore_world):
        first = restore_world.restores.claim(HOST, RUN, ())
        second = restore_world.restores.claim(HOST, RUN, {first.identifier})
    assert restore_world.others() == frozenset()
    assert {(one.host, one.run_id) for one in (first, second)} == {(HOST, RUN)}
    assert "" != first.identifier != second.identifier


def test_the_backup_comes_back_beside_the_machine_and_cut_off(restore_world: RestoreWorld) -> None:
    world, restores = restore_world, restore_world.restores
    world.write(HOST, FILE, "good")
    world.plan(HOST, SAYS, GuestAnswer(3, "good"))
    world.plan(HOST, HANGS, None)
    backup = world.back_up(HOST, "one")
    world.write(HOST, FILE, "bad")
    world.write(HOST, LATER, "later")
    with untouched(world):
        claim, machine = restored(world, backup)
        assert (machine.host, machine.power) == (HOST, Power.STOPPED)
        assert world.others() == {machine.identifier}
        assert machine.identifier == claim.identifier
        cards = restores.cards(machine)
        assert {card.network for card in cards} == {restores.isolated_network()}
        macs = {card.mac.lower() for card in cards}
        assert "" not in macs
        assert not isinstance(restores, HostSettings) or restores.escapes(machine) == ()
        assert not macs & {mac.lower() for mac in (*restores.forbidden_macs(backup), *world.macs(HOST))}
        assert not restores.answers(machine)
        start(restores, machine)
        if isinstance(restores, LiveRestores):
            restores.finish(machine, LIMIT)
        assert restores.cards(machine) == cards
        assert (restores.read(machine, FILE), restores.read(machine, LATER)) == ("good", None)
        assert restores.run(machine, SAYS, LIMIT) == GuestAnswer(3, "good")
        began = monotonic()
        with pytest.raises(InfrastructureError):
            restores.run(machine, HANGS, timedelta(seconds=1))
        assert 1 <= monotonic() - began < 20
        for _ in range(2):
            restores.destroy(claim, LIMIT)
            assert world.others() == frozenset()
    with pytest.raises(DrillbookError):
        restores.run(machine, SAYS, LIMIT)


def test_several_at_once_are_several_and_each_is_removed_alone(restore_world: RestoreWorld) -> None:
    world, restores = restore_world, restore_world.restores
    for host in (HOST, OTHER):
        world.write(host, FILE, f"of {host}")
    backups = [world.back_up(host, "one") for host in (HOST, OTHER)]
    with untouched(world):
        claims = {HOST: restores.claim(HOST, RUN, ())}
        claims[OTHER] = restores.claim(OTHER, RUN, {claims[HOST].identifier})
        made = concurrently(backups, lambda backup: restores.restore(claims[backup.host], backup, LIMIT), 2)
        assert [outcome.error for outcome in made] == [None, None]
        machines = {outcome.value.host: outcome.value for outcome in made if outcome.value}
        assert world.others() == {machine.identifier for machine in machines.values()}
        assert len(world.others()) == 2
        restores.destroy(claims[HOST], LIMIT)
        assert world.others() == {machines[OTHER].identifier}
        start(restores, machines[OTHER])
        assert restores.read(machines[OTHER], FILE) == f"of {OTHER}"
        restores.destroy(claims[OTHER], LIMIT)
        assert world.others() == frozenset()


def test_what_drillbook_took_is_listed_and_restored_also_when_the_machine_is_gone(restore_world: RestoreWorld) -> None:
    world = restore_world
    assert world.restores.backups((HOST, OTHER), world.rules) == ()
    world.foreign(HOST)
    world.write(HOST, FILE, "one")
    first = world.back_up(HOST, "one")
    world.write(HOST, FILE, "two")
    second, other = world.back_up(HOST, "two"), world.back_up(OTHER, "one")
    world.lose(HOST)
    assert world.restores.backups((HOST,), world.rules) == (first, second)
    assert world.restores.backups((OTHER,), world.rules) == (other,)
    with untouched(world):
        claim, machine = restored(world, first)
        start(world.restores, machine)
        assert world.restores.read(machine, FILE) == "one"
        world.restores.destroy(claim, LIMIT)
    assert world.others() == frozenset()


def test_a_spoilt_backup_says_so_and_leaves_nothing_that_is_not_removed(restore_world: RestoreWorld) -> None:
    world = restore_world
    world.write(HOST, FILE, "good")
    backup = world.back_up(HOST, "one")
    world.damage(backup)
    claim = world.restores.claim(HOST, RUN, ())
    with untouched(world):
        with pytest.raises(DrillbookError) as failed:
            world.restores.restore(claim, backup, LIMIT)
        assert not isinstance(failed.value, RefusedError), "refused is what was never tried"
        assert "restore" in failed.value.message
        world.restores.destroy(claim, LIMIT)
    assert world.others() == frozenset()


@pytest.mark.parametrize("of_other", [True, False], ids=["host", "machine"])
def test_a_backup_whose_note_lies_is_not_offered_or_refused(restore_world: RestoreWorld, *, of_other: bool) -> None:
    world = restore_world
    lie = (OTHER, world.identifier(OTHER)) if of_other else (HOST, "other/999")
    world.lie(world.back_up(HOST, "one"), BackupNote(lie[0], "shop", "one", lie[1]).render())
    with untouched(world):
        for backup in world.restores.backups((HOST, OTHER), world.rules):
            with pytest.raises(RefusedError, match="note says that it is of"):
                restored(world, backup)
    assert world.others() == frozenset()


def test_what_somebody_else_was_faster_with_is_left_and_another_claimed(restore_world: RestoreWorld) -> None:
    world, restores = restore_world, restore_world.restores
    backup = world.back_up(HOST, "one")
    lost = restores.claim(HOST, RUN, ())
    world.intrude(lost)
    before = world.others()
    with untouched(world):
        if world.exclusive:
            with pytest.raises(TakenError):
                restores.restore(lost, backup, LIMIT)
        with pytest.raises(RefusedError):
            restores.destroy(lost, LIMIT)
        assert world.others() == before
        claim = restores.claim(HOST, RUN, {lost.identifier})
        machine = restores.restore(claim, backup, LIMIT)
        assert world.others() == {*before, machine.identifier}
        restores.destroy(claim, LIMIT)
        assert world.others() == before


def hostile(world: RestoreWorld, claim: Claim) -> list[Claim]:
    """What a ledger could say that somebody wrote to, beginning with an honest claim."""
    identifiers = (world.identifier(HOST), world.identifier(OTHER), *world.outside(claim))
    return [
        *(replace(claim, identifier=identifier) for identifier in identifiers),
        *(replace(claim, identifier=identifier, run_id="") for identifier in (*identifiers, claim.identifier)),
        replace(claim, provider="elsewhere"),
    ]


def test_hostile_claims_remove_nothing(restore_world: RestoreWorld) -> None:
    world, restores = restore_world, restore_world.restores
    claim, machine = restored(world, world.back_up(HOST, "one"))
    of_another_run = replace(claim, run_id=OTHER_RUN)
    with untouched(world):
        for one in (*hostile(world, claim), of_another_run):
            with pytest.raises(RefusedError):
                restores.destroy(one, LIMIT)
            assert world.others() == {machine.identifier}, one
        restores.destroy(claim, LIMIT)
    assert world.others() == frozenset()


def test_hostile_claims_make_nothing(restore_world: RestoreWorld) -> None:
    world = restore_world
    backup = world.back_up(HOST, "one")
    claim = world.restores.claim(HOST, RUN, ())
    with untouched(world):
        for one in (*hostile(world, claim), replace(claim, host=OTHER)):
            with pytest.raises(RefusedError) as refused:
                world.restores.restore(one, backup, LIMIT)
            assert not isinstance(refused.value, TakenError), one
            assert world.others() == frozenset(), one


def test_the_drill_can_do_no_more_than_is_said_of_it(restore_world: RestoreWorld) -> None:
    world = restore_world
    for host in (HOST, OTHER):
        world.back_up(host, "one")
    restores = world.restores
    with untouched(world):
        assert isinstance(restores, LimitedCredential) is world.limited
        if isinstance(restores, LimitedCredential):
            assert restores.separate()
            assert restores.overreach((HOST, OTHER)) is None
            world.strengthen(HOST)
            assert restores.overreach((HOST, OTHER)) is not None
    assert world.others() == frozenset()
