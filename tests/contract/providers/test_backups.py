"""One suite for all providers: what `Backups` promises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from drillbook.errors import DrillbookError, RefusedError
from drillbook.machines.backups import BackupDecision, backups_by_machine, decide_backups, prune_backups, verify_backups
from drillbook.model import Backup, BackupNote, MachineGroup, Quiesce, Retention

if TYPE_CHECKING:
    from tests.contract.providers.world import BackupWorld

LIMIT = timedelta(seconds=20)
HOST = "shop-db"


def back_up(backup_world: BackupWorld, run: str, host: str = HOST) -> Backup:
    """Take one with a content of its own: podman keeps what is the same once, and it is damaged once."""
    (machine,) = backup_world.backups.find((host,))
    backup_world.write(machine, run)
    note = BackupNote(host, "shop", run, machine.identifier).render()
    return backup_world.backups.back_up(machine, backup_world.rules, note=note, timeout=LIMIT)


def group(backup_world: BackupWorld) -> MachineGroup:
    return MachineGroup(
        name="shop",
        provider="any",
        stages=((HOST,),),
        quiesce=Quiesce.NONE,
        ram=False,
        window=LIMIT,
        retention=Retention(),
        backup=backup_world.rules,
        probes={},
        heartbeat_file="/heartbeat",
    )


def decide(backup_world: BackupWorld) -> tuple[BackupDecision, ...]:
    shop = group(backup_world)
    listed = backups_by_machine(shop, backup_world.backups.backups((HOST,), backup_world.rules))
    return decide_backups(backup_world.backups, shop, backup_world.rules, listed, now=datetime.now(UTC), workers=2)


def runs(backup_world: BackupWorld) -> list[str]:
    return [BackupNote.read(one.note).run for one in backup_world.backups.backups((HOST,), backup_world.rules)]  # type: ignore[union-attr]  # ours


def test_a_backup_is_listed_with_what_was_said_of_it(backup_world: BackupWorld) -> None:
    began = datetime.now(UTC).replace(microsecond=0)
    made = back_up(backup_world, "one")
    (listed,) = backup_world.backups.backups(backup_world.hosts, backup_world.rules)
    assert listed == made
    note = BackupNote.read(listed.note)
    assert note is not None
    assert (listed.host, note.host, note.group, note.run) == (HOST, HOST, "shop", "one")
    assert began <= listed.taken_at <= datetime.now(UTC) + timedelta(seconds=1)
    assert (listed.protected, listed.warnings) == (False, ())
    assert backup_world.backups.fault(listed, backup_world.rules, LIMIT) is None


def test_others_are_not_listed(backup_world: BackupWorld) -> None:
    back_up(backup_world, "one", "shop-web1")
    backup_world.foreign(HOST)
    assert backup_world.backups.backups((HOST,), backup_world.rules) == ()


def test_they_are_listed_oldest_first_also_when_the_machine_is_gone(backup_world: BackupWorld) -> None:
    made = [back_up(backup_world, run) for run in ("one", "two")]
    backup_world.lose(HOST)
    listed = backup_world.backups.backups((HOST,), backup_world.rules)
    assert [one.identifier for one in listed] == [one.identifier for one in made]
    assert backup_world.backups.fault(listed[-1], backup_world.rules, LIMIT) is None
    backup_world.backups.remove(listed[0], LIMIT)
    assert runs(backup_world) == ["two"]


def test_damage_is_found(backup_world: BackupWorld) -> None:
    made = back_up(backup_world, "one")
    backup_world.damage(made)
    assert backup_world.backups.fault(made, backup_world.rules, LIMIT) is not None


@pytest.mark.parametrize("lie", [("shop-web1", ""), (HOST, "other/999")], ids=["host", "machine"])
def test_a_lie_in_the_note_is_found(backup_world: BackupWorld, lie: tuple[str, str]) -> None:
    made = back_up(backup_world, "one")
    backup_world.lie(made, BackupNote(lie[0], "shop", "one", lie[1]).render() + " cards=")
    found = backup_world.backups.backups(backup_world.hosts, backup_world.rules)
    assert "note says that it is of" in (backup_world.backups.fault(found[0], backup_world.rules, LIMIT) or "")


def test_a_backup_that_is_gone_is_red(backup_world: BackupWorld) -> None:
    made = back_up(backup_world, "one")
    backup_world.backups.remove(made, LIMIT)
    assert "any more" in (backup_world.backups.fault(made, backup_world.rules, LIMIT) or "")


def test_a_protected_one_is_refused_by_name_until_it_is_unprotected(backup_world: BackupWorld) -> None:
    made = back_up(backup_world, "one")
    for _ in range(2):
        backup_world.backups.protect(made, protected=True)
    assert backup_world.backups.backups((HOST,), backup_world.rules)[0].protected
    with pytest.raises(RefusedError, match=f"{made.identifier} is protected"):
        backup_world.backups.remove(made, LIMIT)
    for _ in range(2):
        backup_world.backups.protect(made, protected=False)
    backup_world.backups.remove(made, LIMIT)
    backup_world.backups.remove(made, LIMIT)
    assert runs(backup_world) == []


def test_pruning_keeps_by_rule_and_leaves_others_alone(backup_world: BackupWorld) -> None:
    for run in ("one", "two", "three"):
        back_up(backup_world, run)
    backup_world.foreign(HOST)
    backup_world.backups.protect(backup_world.backups.backups((HOST,), backup_world.rules)[0], protected=True)
    decisions = decide(backup_world)
    assert {one.backup.run: one.reasons for one in decisions} == {
        "one": ("protected",),
        "two": (),
        "three": ("newest good backup", "last"),
    }
    prune_backups(
        backup_world.backups, group(backup_world), backup_world.rules, decisions, workers=2, tell=lambda _: None
    )
    assert (runs(backup_world), backup_world.stored()) == (["one", "three"], 3)


def test_pruning_never_removes_the_last_good_one_though_newer_ones_are_damaged(backup_world: BackupWorld) -> None:
    made = [back_up(backup_world, run) for run in ("one", "two", "three")]
    for damaged in made[1:]:
        backup_world.damage(damaged)
    assert {one.backup.run: one.kept for one in decide(backup_world)} == {"one": True, "two": True, "three": True}
    back_up(backup_world, "four")
    prune_backups(
        backup_world.backups,
        group(backup_world),
        backup_world.rules,
        decide(backup_world),
        workers=2,
        tell=lambda _: None,
    )
    assert runs(backup_world) == ["four"]


def test_verify_goes_red_by_damage_and_by_age(backup_world: BackupWorld) -> None:
    def look(hours: float = 0) -> tuple[bool, str]:
        listed = backups_by_machine(group(backup_world), backup_world.backups.backups((HOST,), backup_world.rules))
        now = datetime.now(UTC) + timedelta(hours=hours)
        (found,) = verify_backups(
            backup_world.backups, group(backup_world), backup_world.rules, listed, now=now, workers=2
        )
        return found.good, found.why

    assert look() == (False, "it has no backup")
    made = back_up(backup_world, "one")
    assert look() == (True, "")
    assert look(24) == (True, "")
    assert "26.0 h old, and may be 25.0 h" in look(26)[1]
    assert "a clock is wrong" in look(-1)[1]
    backup_world.damage(made)
    assert look()[1].startswith("none of its 1 backups is good")


def test_to_back_up_what_is_not_there_is_an_error(backup_world: BackupWorld) -> None:
    (machine,) = backup_world.backups.find((HOST,))
    backup_world.lose(HOST)
    note = BackupNote(HOST, "shop", "one", machine.identifier).render()
    with pytest.raises(DrillbookError):
        backup_world.backups.back_up(machine, backup_world.rules, note=note, timeout=LIMIT)
    assert backup_world.stored() == 0
