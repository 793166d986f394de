"""Guests that something else holds: waited for by the command line, told with the task that holds them, and never half taken."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.providers.proxmox import BACKUP_USER, HOSTS, TOKEN, USER
from tests.contract.providers.test_backup_groups import BackupShop
from tests.contract.providers.test_groups import ROOT, Shop
from tests.support.proxmox.state import Grant

from drillbook.errors import LockedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.contract.providers.proxmox import ProxmoxWorld

    from drillbook.model import Machine

LIMIT = timedelta(seconds=20)
WAITING = "waiting at most"
# The command line as it is: what a shell starts in the background ignores SIGINT, and so would its children.
DRILLBOOK = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from drillbook.cli import main
main()
"""


def find(world: ProxmoxWorld, host: str) -> Machine:
    (found,) = world.snapshots.find((host,))
    return found


@contextlib.contextmanager
def started(shop: Shop, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command that runs beside the test, and is over after it."""
    command = [sys.executable, "-c", DRILLBOOK, shop.verb, *arguments, "--inventory", str(shop.inventory), "--json"]
    with subprocess.Popen(
        command, cwd=ROOT, env=shop.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def line_with(child: subprocess.Popen[str], text: str) -> str:
    assert child.stderr is not None
    return next(line for line in child.stderr if text in line)


def ended(child: subprocess.Popen[str]) -> tuple[int, Any]:
    said, told = child.communicate(timeout=60)
    assert said, told
    return child.returncode, json.loads(said)


def when(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def taken(shop: Shop) -> list[int]:
    return [vmid for vmid, guest in shop.world.server.state.guests.items() if guest.snapshots]


def test_members_that_are_released_in_time_are_taken_and_nobody_is_touched_before(
    proxmox: ProxmoxWorld, tmp_path: Path
) -> None:
    shop = Shop(proxmox, tmp_path, quiesce="agent")
    for vmid, lock in ((100, "backup"), (102, "migrate")):
        proxmox.control.guest(vmid, lock=lock)
    with started(shop, "create", "shop") as child:
        said = line_with(child, WAITING)
        assert said == "waiting at most 600 s for what holds shop-db (backup), shop-web2 (migrate)\n"
        proxmox.control.guest(102, lock="")
        line_with(child, "shop-db (backup)")
        assert proxmox.control.served("POST") == []
        proxmox.control.guest(100, lock="")
        code, made = ended(child)
    assert (code, made["state"], made["members"], shop.frozen()) == (0, "whole", list(HOSTS), [])


def test_what_is_never_released_is_said_with_its_own_words_and_nothing_is_made(
    proxmox: ProxmoxWorld, tmp_path: Path
) -> None:
    shop = Shop(proxmox, tmp_path, quiesce="agent", lock_wait_seconds=3)
    for vmid in (100, 101):
        proxmox.control.guest(vmid, lock="migrate")
    began = datetime.now(UTC)
    code, answer, said = shop.run("create", "shop")
    error = answer["error"]
    assert (code, error["class"], error["where"]) == (3, "LockedError", "group shop"), said
    assert "still locked after 3 s of waiting, since " in error["message"]
    since = datetime.fromisoformat(error["message"].partition("since ")[2].split(": ")[0])
    assert abs(since - began) < timedelta(minutes=1)
    assert "shop-db (migrate), shop-web1 (migrate)." in error["message"]
    assert f"shop-web1: {USER}!{TOKEN} sees no task on pve2" in error["message"]
    assert "`qm unlock 101` on pve2" in error["message"]
    assert "drillbook_machines.lock_wait_seconds" in error["remedy"]
    assert (proxmox.control.served("POST"), taken(shop), shop.frozen()) == ([], [], [])
    looks = proxmox.control.served("GET", "/cluster/resources")
    assert len(looks) == 3, "one for the first look, and one for each pause: 2 s, and the one second that is left"


def test_who_waits_ends_at_once_when_it_is_told_to(proxmox: ProxmoxWorld, tmp_path: Path) -> None:
    shop = Shop(proxmox, tmp_path, quiesce="agent")
    proxmox.control.guest(101, lock="backup")
    for number in (signal.SIGINT, signal.SIGTERM):
        with started(shop, "create", "shop") as child:
            line_with(child, WAITING)
            os.kill(child.pid, number)
            child.communicate(timeout=10)
            assert child.returncode not in (0, None)
    assert (proxmox.control.served("POST"), taken(shop)) == ([], [])


@pytest.mark.parametrize("verb", ["create", "restore", "prune"])
def test_who_only_asks_does_not_wait_and_is_told_of_the_lock(proxmox: ProxmoxWorld, tmp_path: Path, verb: str) -> None:
    shop = Shop(proxmox, tmp_path)
    assert shop.run("create", "shop")[0] == 0
    proxmox.control.guest(101, lock="backup")
    code, answer, said = shop.run(verb, "shop", "--check")
    assert code == (0 if verb == "prune" else 2), answer
    assert WAITING not in said
    assert "shop-web1" in said
    assert "(backup)" in said


@pytest.mark.parametrize("answer", ["task", "status"])
def test_a_lock_that_comes_between_undoes_the_set_which_is_taken_again(
    proxmox: ProxmoxWorld, tmp_path: Path, answer: str
) -> None:
    shop = Shop(proxmox, tmp_path, quiesce="agent")
    if answer == "task":
        proxmox.control.faults(slow={"qmsnapshot": 1.0})
    else:
        proxmox.control.answer_with(500, "VM is locked (backup)", "POST", "/102/snapshot$")
    with started(shop, "create", "shop") as child:
        if answer == "task":
            when(lambda: proxmox.server.state.guests[100].config.get("lock") == "snapshot")
            proxmox.control.guest(102, lock="backup")  # while the first stage is taken, before its own stage is
        line_with(child, "is undone: a lock came between")
        assert (taken(shop), shop.frozen()) == ([], [])
        proxmox.control.guest(102, lock="")
        code, made = ended(child)
    assert (code, made["state"], made["members"]) == (0, "whole", list(HOSTS))
    assert {tuple(guest.snapshots) for guest in proxmox.server.state.guests.values() if guest.snapshots} == {
        (made["name"],)
    }
    assert len(proxmox.control.served("POST", "/102/snapshot")) == 2


def test_going_back_and_pruning_wait_too(proxmox: ProxmoxWorld, tmp_path: Path) -> None:
    shop = Shop(proxmox, tmp_path, retention={"last": 1})
    for text in ("bad", "good"):
        for machine in shop.machines():
            proxmox.write(machine, text)
        assert shop.run("create", "shop")[0] == 0
        time.sleep(1.1)  # names are of whole seconds
    for machine in shop.machines():
        proxmox.write(machine, "bad")
    for arguments in (("restore", "shop", "--confirm", "shop"), ("prune", "shop")):
        proxmox.control.guest(101, lock="backup")
        proxmox.control.forget_served()
        with started(shop, *arguments) as child:
            line_with(child, WAITING)
            changes = [one for one in proxmox.control.served() if one["method"] != "GET"]
            assert changes == []
            proxmox.control.guest(101, lock="")
            assert ended(child)[0] == 0
    assert {proxmox.read(machine) for machine in shop.machines()} == {"good"}
    assert len(shop.run("list", "shop")[1]) == 1


@pytest.mark.parametrize("arguments", [("restore", "shop", "--confirm", "shop"), ("prune", "shop")])
def test_going_back_and_pruning_in_vain_change_nothing(
    proxmox: ProxmoxWorld, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    shop = Shop(proxmox, tmp_path, lock_wait_seconds=0.5, retention={"last": 1})
    for _ in range(2):
        shop.run("create", "shop")
        time.sleep(1.1)  # names are of whole seconds
    proxmox.control.guest(101, lock="backup")
    proxmox.control.forget_served()
    code, answer, _ = shop.run(*arguments)
    assert (code, answer["error"]["class"]) == (3, "LockedError")
    assert [one for one in proxmox.control.served() if one["method"] != "GET"] == []


def test_a_backup_waits_for_its_own_machine_only(proxmox: ProxmoxWorld, tmp_path: Path) -> None:
    shop = BackupShop(proxmox, tmp_path, order=[list(HOSTS)], backup={"storage": "nas"})
    proxmox.control.guest(100, lock="snapshot")
    with started(shop, "create", "shop") as child:
        line_with(child, WAITING)
        assert sorted(one["vmid"] for one in proxmox.control.served("POST", "/vzdump")) == [101, 102]
        proxmox.control.guest(100, lock="")
        code, made = ended(child)
    assert (code, [one["error"] for one in made]) == (0, [None] * 3)
    assert len(proxmox.control.served("POST", "/vzdump")) == 3


def test_a_backup_that_waited_in_vain_is_named_and_the_others_are_there(proxmox: ProxmoxWorld, tmp_path: Path) -> None:
    shop = BackupShop(proxmox, tmp_path, lock_wait_seconds=0.5, backup={"storage": "nas"})
    proxmox.control.guest(101, lock="snapshot")
    code, made, said = shop.run("create", "shop")
    assert (code, [one["error"] is None for one in made]) == (3, [True, False, True])
    assert "still locked after" in made[1]["error"]
    assert f"{BACKUP_USER}!{TOKEN} sees no task on pve2" in made[1]["error"]
    assert "1 of 3 machines have no new backup" in said
    assert sorted(one["vmid"] for one in proxmox.control.served("POST", "/vzdump")) == [100, 102]


def test_a_backup_whose_machine_is_locked_meanwhile_is_made_after_that(proxmox: ProxmoxWorld, tmp_path: Path) -> None:
    shop = BackupShop(proxmox, tmp_path, backup={"storage": "nas"})
    proxmox.control.faults(slow={"vzdump": 1.0})
    with started(shop, "create", "shop") as child:
        when(lambda: proxmox.server.state.guests[100].config.get("lock") == "backup")
        proxmox.control.guest(101, lock="snapshot")
        line_with(child, WAITING)
        proxmox.control.guest(101, lock="")
        code, made = ended(child)
    assert (code, [one["error"] for one in made]) == (0, [None] * 3)
    assert [one["vmid"] for one in proxmox.control.served("POST", "/vzdump")].count(101) == 2
    assert proxmox.stored() == 3


def audit(world: ProxmoxWorld) -> None:
    """Let the snapshots' token see others' tasks, as the how-to says."""
    world.server.state.roles["Auditor"] = ["Sys.Audit"]
    world.server.state.grants += [
        Grant("/nodes", kind, subject, "Auditor") for kind, subject in (("user", USER), ("token", f"{USER}!{TOKEN}"))
    ]


def test_the_task_that_holds_a_machine_is_named_to_who_may_see_it(proxmox: ProxmoxWorld) -> None:
    proxmox.control.faults(slow={"vzdump": 60.0})
    api = proxmox.backups._api
    task = api.post("/nodes/pve2/vzdump", vmid="101", storage="nas")
    when(lambda: find(proxmox, "shop-web1").lock == "backup")
    machine = find(proxmox, "shop-web1")
    assert "sees no task on pve2 that holds it (others' need Sys.Audit there)" in proxmox.snapshots.explain_lock(
        machine
    )
    assert proxmox.backups.explain_lock(machine) == f"held by vzdump of {BACKUP_USER}!{TOKEN} (task {task})"
    audit(proxmox)
    assert proxmox.snapshots.explain_lock(machine) == f"held by vzdump of {BACKUP_USER}!{TOKEN} (task {task})"
    with pytest.raises(LockedError, match=r"VM is locked \(backup\)"):
        proxmox.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    api.delete(f"/nodes/pve2/tasks/{task}")
    when(lambda: find(proxmox, "shop-web1").lock == "")
    proxmox.control.guest(101, lock="backup")
    said = proxmox.snapshots.explain_lock(find(proxmox, "shop-web1"))
    assert "a crash left the lock: `qm unlock 101` on pve2" in said


def test_a_job_that_backs_up_several_is_what_may_hold_one(proxmox: ProxmoxWorld) -> None:
    audit(proxmox)
    proxmox.control.faults(slow={"vzdump": 60.0})
    task = proxmox.backups._api.post("/nodes/pve1/vzdump", vmid="100,400", storage="nas")
    when(lambda: find(proxmox, "shop-db").lock == "backup")
    said = proxmox.snapshots.explain_lock(find(proxmox, "shop-db"))
    assert said == f"probably held by vzdump of {BACKUP_USER}!{TOKEN} (task {task}), which backs up several"
    proxmox.control.guest(400, lock="migrate")
    assert "sees no task" in proxmox.snapshots.explain_lock(find(proxmox, "shop-zfs")), "a backup holds no other lock"
    proxmox.backups._api.delete(f"/nodes/pve1/tasks/{task}")


@pytest.mark.parametrize(
    ("host", "lock", "said"),
    [
        ("shop-mail", "backup", "`pct unlock 200` on pve1"),
        ("shop-db", "suspended", "it is suspended to disk, which ends with `qm resume 100`"),
    ],
)
def test_what_to_do_is_told_by_kind_and_lock(proxmox: ProxmoxWorld, host: str, lock: str, said: str) -> None:
    proxmox.control.guest(int(find(proxmox, host).identifier.partition("/")[2]), lock=lock)
    assert said in proxmox.snapshots.explain_lock(find(proxmox, host))


def test_a_console_holds_nothing(proxmox: ProxmoxWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    console = f"UPID:pve1:00005DC3:0002E7A1:69210000:vncproxy:100:{USER}:"
    proxmox.control.guest(100, lock="backup")
    machine = find(proxmox, "shop-db")
    monkeypatch.setattr(proxmox.api, "get", lambda *_path, **_parameters: [{"upid": console}])
    assert "sees no task" in proxmox.snapshots.explain_lock(machine)
    ending = console.replace("vncproxy", "vzdump")
    monkeypatch.setattr(proxmox.api, "get", lambda *_path, **_parameters: [{"upid": ending, "endtime": 1}])
    assert "sees no task" in proxmox.snapshots.explain_lock(machine)
