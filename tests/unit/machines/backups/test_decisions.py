"""Which backups are kept and which are good, where runs have copies; and whose they are."""

# ruff: noqa: ARG002 - the fake has the methods of the Protocol, whether it needs what they are given or not

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.machines.snapshots.fake import group as snapshot_group
from tests.unit.world import FakeClock

from drillbook.clock import SystemClock
from drillbook.errors import ConfigurationError, InfrastructureError, LockedError, RefusedError
from drillbook.machines.backups import backups_by_machine, decide_backups, prune_backups, take_all, verify_backups
from drillbook.model import Backup, BackupMode, BackupNote, BackupRules, Machine, MachineGroup, Power, Retention

START = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
NOW = START + timedelta(days=10)
RULES = BackupRules("", BackupMode.SNAPSHOT, "", "second", Retention(last=1), timedelta(hours=25))
GROUP = replace(snapshot_group(("db",), ("web1", "web2")), backup=RULES)


def backup(run: str, place: str = "first", host: str = "db", days: float = 0, group: str = "shop") -> Backup:
    taken = START + timedelta(days=days)
    return Backup(host, f"{host}-{run}-{place}", place, "100", taken, note=BackupNote(host, group, run).render())


@dataclass
class Fake:
    """``faults`` are by identifier; a backup whose run has no copy in the second place is faulty only where one is asked for."""

    kept: list[Backup] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)
    blind: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    removed: list[str] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)
    """For how many looks a host is locked."""
    late: set[str] = field(default_factory=set)
    """Hosts whose next backup is kept from being made by a lock."""
    looks: int = 0

    def find(self, hosts: Sequence[str]) -> tuple[Machine, ...]:
        lost = [host for host in hosts if host in self.missing]
        if lost:
            raise ConfigurationError(f"{', '.join(lost)}: no machine", where="fake", remedy="Nothing.")
        self.looks += 1
        return tuple(
            Machine(host, f"id-{host}", "zone", Power.RUNNING, "backup" if self.looks <= self.held.get(host, 0) else "")
            for host in hosts
        )

    def explain_lock(self, machine: Machine) -> str:
        return f"task 7 holds {machine.host}"

    def refusal(self, machine: Machine, rules: BackupRules) -> str | None:
        return self.faults.get(machine.host)

    def back_up(self, machine: Machine, rules: BackupRules, *, note: str, timeout: timedelta) -> Backup:
        if machine.host in self.late:
            self.late.remove(machine.host)
            raise LockedError("VM is locked (snapshot)", where=machine.host, remedy="Wait.")
        made = Backup(machine.host, f"new-{machine.host}", "first", machine.identifier, START, note=note)
        self.kept.append(made)
        return made

    def backups(self, hosts: Sequence[str], rules: BackupRules) -> tuple[Backup, ...]:
        return tuple(self.kept)

    def fault(self, one: Backup, rules: BackupRules, timeout: timedelta) -> str | None:
        if one.identifier in self.blind:
            raise InfrastructureError("no answer", where="fake", remedy="Nothing.")
        copied = any(other.note == one.note and other.place == "second" for other in self.kept)
        if rules.copy_to_region and not copied:
            return "no copy"
        return self.faults.get(one.identifier)

    def protect(self, one: Backup, *, protected: bool) -> None:
        raise NotImplementedError

    def remove(self, one: Backup, timeout: timedelta) -> None:
        self.removed.append(one.identifier)


def kept(provider: Fake, group: MachineGroup = GROUP) -> dict[str, bool]:
    decisions = decide_backups(provider, group, RULES, backups_by_machine(group, provider.kept), now=NOW, workers=2)
    prune_backups(provider, group, RULES, decisions, workers=2, tell=lambda _: None)
    return {one.backup.run: one.kept for one in decisions}


def test_a_runs_copies_live_and_die_together() -> None:
    made = [backup(run, place, days=day) for day, run in enumerate(("a", "b")) for place in ("first", "second")]
    provider = Fake(made)
    assert kept(provider) == {"a": False, "b": True}
    assert provider.removed == ["db-a-first", "db-a-second"]


def test_one_protected_copy_keeps_them_all() -> None:
    made = [backup("a"), replace(backup("a", "second"), protected=True), backup("b", days=1)]
    provider = Fake(made)
    assert kept(provider) == {"a": True, "b": True}
    assert provider.removed == []


def test_a_protected_one_takes_no_others_place() -> None:
    made = [backup("a"), backup("b", days=1), replace(backup("c", days=2), protected=True)]
    assert kept(Fake(made)) == {"a": False, "b": True, "c": True}


def test_a_missing_copy_makes_a_backup_red_and_not_one_to_remove() -> None:
    provider = Fake([backup("a"), backup("b", days=1)])
    rules = replace(RULES, retention=Retention(last=2))
    listed = backups_by_machine(GROUP, provider.kept)
    assert all(one.kept for one in decide_backups(provider, GROUP, rules, listed, now=NOW, workers=1))
    (found, *_) = verify_backups(provider, GROUP, RULES, listed, now=START + timedelta(days=1), workers=1)
    assert (found.good, "no copy" in found.why) == (False, True)


@pytest.mark.parametrize("last", [1, 3])
def test_one_that_is_dated_into_the_future_pushes_none_out_and_is_never_removed(last: int) -> None:
    """A node's clock was wrong on one day: sixty days of pruning must not end with that backup alone."""
    rules = replace(RULES, copy_to_region="", retention=Retention(last=last))
    provider = Fake([backup("wrong", days=27_000)])
    for day in range(60):
        provider.kept.append(backup(f"day{day:02}", days=day))
        listed = backups_by_machine(GROUP, provider.kept)
        now = START + timedelta(days=day, hours=1)
        decisions = decide_backups(provider, GROUP, rules, listed, now=now, workers=1)
        prune_backups(provider, GROUP, rules, decisions, workers=1, tell=lambda _: None)
        provider.kept = [one for one in provider.kept if one.identifier not in provider.removed]
    newest = [f"day{day}" for day in range(60 - last, 60)]
    assert [one.run for one in backups_by_machine(GROUP, provider.kept)[0].backups] == [*newest, "wrong"]
    (wrong,) = [one for one in decisions if one.to_come]
    assert (wrong.kept, wrong.reasons, "is to come" in (wrong.fault or "")) == (True, ("dated into the future",), True)
    (found, *_) = verify_backups(provider, GROUP, rules, backups_by_machine(GROUP, provider.kept), now=now, workers=1)
    assert (found.newest_good.run if found.newest_good else "", found.good) == ("day59", False)
    assert "its backup wrong: it is of 2100-" in found.why


def test_a_clock_that_is_a_little_ahead_is_no_future() -> None:
    provider = Fake([backup("a"), backup("b", days=1)])
    listed = backups_by_machine(GROUP, provider.kept)
    now = START + timedelta(days=1, seconds=-100)
    assert [one.kept for one in decide_backups(provider, GROUP, RULES, listed, now=now, workers=1)] == [False, True]


def test_rules_count_for_each_machine() -> None:
    made = [backup("a"), backup("b", days=1), backup("a", host="web1")]
    decided = decide_backups(Fake(made), GROUP, RULES, backups_by_machine(GROUP, made), now=NOW, workers=2)
    assert [one.kept for one in decided] == [False, True, True]


def test_another_groups_and_others_are_not_counted() -> None:
    made = [backup("a", group="bank"), replace(backup("b"), note="by hand"), backup("c", host="bank-db")]
    assert [one.backups for one in backups_by_machine(GROUP, made)] == [(), (), ()]


def test_nothing_is_decided_where_one_can_not_be_looked_at() -> None:
    provider = Fake([backup("a"), backup("b", days=1)], blind={"db-a-first"})
    with pytest.raises(InfrastructureError, match="no answer"):
        kept(provider)
    assert provider.removed == []


def test_one_that_is_gone_or_refused_stops_no_other() -> None:
    provider = Fake(faults={"web1": "it is locked"}, missing={"db"})
    made = take_all(provider, SystemClock(), GROUP, workers=2, tell=lambda _: None)
    assert [(one.host, one.error is None) for one in made] == [("db", False), ("web1", False), ("web2", True)]


def test_one_that_is_locked_has_its_turn_last_and_keeps_no_other() -> None:
    provider, clock = Fake(held={"web1": 3}), FakeClock()
    made = take_all(provider, clock, GROUP, workers=1, tell=lambda _: None)
    assert [one.error for one in made] == [None] * 3
    assert [one.host for one in provider.kept] == ["db", "web2", "web1"]
    assert (provider.looks, clock.passed - FakeClock().passed) == (4, timedelta(seconds=2 + 3 + 4.5))


def test_one_that_stays_locked_is_named_with_what_holds_it_and_the_others_are_backed_up() -> None:
    provider, clock, said = Fake(held={"db": 1000, "web1": 1000}), FakeClock(), list[str]()
    made = take_all(provider, clock, replace(GROUP, lock_wait=timedelta(seconds=60)), workers=1, tell=said.append)
    assert [type(one.error) for one in made] == [LockedError, LockedError, type(None)]
    assert "still locked after 60 s of waiting, since 2026-" in str(made[1].error)
    assert "web1 (backup). web1: task 7 holds web1" in str(made[1].error)
    assert "waiting at most 60 s for what holds web1 (backup)" in said, "each stage waits as long"
    assert clock.passed - FakeClock().passed == timedelta(seconds=120)


def test_a_lock_that_comes_late_is_waited_for_and_the_backup_is_made_once() -> None:
    provider = Fake(late={"db"})
    made = take_all(provider, FakeClock(), GROUP, workers=1, tell=lambda _: None)
    assert [one.error for one in made] == [None] * 3
    assert [one.host for one in provider.kept] == ["db", "web1", "web2"]


def test_with_no_time_to_wait_each_is_asked_at_once() -> None:
    provider, clock = Fake(held={"db": 9}, late={"web1"}, faults={"db": "it is locked (backup)"}), FakeClock()
    made = take_all(provider, clock, replace(GROUP, lock_wait=timedelta()), workers=1, tell=lambda _: None)
    assert [type(one.error) for one in made] == [RefusedError, LockedError, type(None)]
    assert (provider.looks, clock.passed) == (1, FakeClock().passed)


def test_one_that_goes_while_it_is_waited_for_stops_no_other() -> None:
    provider = Fake(held={"web1": 3, "web2": 3})

    def lose(_line: str) -> None:
        provider.missing.add("web1")

    made = take_all(provider, FakeClock(), GROUP, workers=1, tell=lose)
    assert [type(one.error) for one in made] == [type(None), ConfigurationError, type(None)]


@pytest.mark.parametrize(
    "text", ["", "by hand", "drillbook/2 host=a group=b", "drillbook/1 group=b", "drillbook/1 host=a"]
)
def test_a_note_of_others_is_none(text: str) -> None:
    assert BackupNote.read(text) is None


def test_a_note_comes_back_with_what_a_provider_added() -> None:
    note = BackupNote("db", "shop", "run-1", "qemu/100")
    assert BackupNote.read(f"{note.render()} cards=net0/virtio/") == note
