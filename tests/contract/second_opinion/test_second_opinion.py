"""Our client against two servers: where they say the same it believes them, and where they don't, it is said here who is right.

What a running pve-manager 9.0 said is recorded in tests/fixtures/proxmox; beside it stand the messages found in its sources, which fakepve brings along.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
from datetime import timedelta
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.second_opinion.servers import World, fakepve, our_server, with_a_wrong_token

from drillbook.errors import (
    ConfigurationError,
    DrillbookError,
    InfrastructureError,
    RefusedError,
    TakenError,
    UnreachedError,
)
from drillbook.model import BackupMode, BackupRules, Power, Quiesce, Retention
from drillbook.providers.proxmox.backup_storage import BackupStorages
from drillbook.providers.proxmox.errors import _KNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT = timedelta(seconds=10)
NODE = "/nodes/pve1"
RULES = BackupRules("local", BackupMode.SNAPSHOT, "", "", Retention(last=1), timedelta(hours=25))


@pytest.fixture(scope="module", params=[our_server, fakepve], ids=["ours", "fakepve"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with request.param(tmp_path_factory.mktemp("second")) as made:
        yield made


@pytest.fixture
def other(tmp_path: Path) -> Iterator[World]:
    """A fakepve that may be stopped and killed."""
    with fakepve(tmp_path) as made:
        yield made


def take(world: World, host: str = "shop-db", name: str = "drillbook-one", *, ram: bool = False) -> None:
    world.snapshots.take(world.machine(host), name, ram=ram, note="a note", timeout=LIMIT)


def kept(world: World, host: str = "shop-db") -> list[tuple[str, bool, str]]:
    return [(one.name, one.ram, one.note) for one in world.snapshots.snapshots(world.machine(host))]


def run(world: World, call: Callable[[], Any], kind: str, vmid: int = 100) -> None:
    world.tasks.run(call, node="pve1", kind=kind, vmid=str(vmid), what="it", timeout=LIMIT)


def test_machines_are_found_with_their_power_and_their_locks(world: World) -> None:
    found = [world.machine(host) for host in ("shop-db", "shop-locked", "shop-mail")]
    assert [(one.identifier, one.place, one.power, one.lock) for one in found] == [
        ("qemu/100", "pve1", Power.RUNNING, ""),
        ("qemu/101", "pve1", Power.STOPPED, "backup"),
        ("lxc/200", "pve1", Power.RUNNING, ""),
    ]


@pytest.mark.parametrize("host", ["shop-db", "shop-mail"])
def test_a_snapshot_is_taken_gone_back_to_and_removed(world: World, host: str) -> None:
    machine = world.machine(host)
    take(world, host)
    assert kept(world, host) == [("drillbook-one", False, "a note")]
    world.snapshots.go_back(machine, "drillbook-one", LIMIT)
    assert world.guests.runs(machine) is False, "a snapshot without memory comes back stopped"
    for _ in range(2):
        world.snapshots.remove(machine, "drillbook-one", LIMIT)
    assert kept(world, host) == []
    run(
        world,
        lambda: world.api.post(f"{NODE}/{machine.identifier}/status/start"),
        "start",
        int(machine.identifier[-3:]),
    )
    assert world.guests.runs(machine)


def test_memory_is_kept_where_it_is_asked_for(world: World) -> None:
    take(world, name="drillbook-ram", ram=True)
    assert kept(world) == [("drillbook-ram", True, "a note")]
    world.snapshots.remove(world.machine("shop-db"), "drillbook-ram", LIMIT)


def test_a_machine_is_frozen_and_goes_on(world: World) -> None:
    machine = world.machine("shop-db")
    world.snapshots.freeze(machine, LIMIT)
    assert world.snapshots._frozen(machine)
    world.snapshots.thaw(machine, LIMIT)
    assert not world.snapshots._frozen(machine)


def test_a_machine_is_made_and_removed(world: World) -> None:
    run(world, lambda: world.api.post(f"{NODE}/qemu", vmid=9000, name="drill-x", tags="drillbook-x"), "qmcreate", 9000)
    config = world.api.get(f"{NODE}/qemu/9000/config")
    assert (config["name"], config["tags"]) == ("drill-x", "drillbook-x")
    assert set(config) == {"name", "tags", "digest", "meta", "smbios1", "vmgenid"}
    run(world, lambda: world.api.delete(f"{NODE}/qemu/9000", purge=1), "qmdestroy", 9000)
    assert world.api.get("/cluster/nextid", vmid=9000) == "9000"


def duplicate(world: World) -> None:
    take(world, name="drillbook-two")
    try:
        take(world, name="drillbook-two")
    finally:
        world.snapshots.remove(world.machine("shop-db"), "drillbook-two", LIMIT)


def start(world: World, host: str, timeout: timedelta = LIMIT) -> None:
    world.snapshots.start(world.machine(host), timeout)


def restart_at_once(world: World) -> None:
    start(world, "shop-slow", timedelta(seconds=0.3))


AGREED: dict[str, tuple[Callable[[World], object], type[DrillbookError], str]] = {
    "no such machine": (lambda w: w.machine("nope"), ConfigurationError, "nope: no guest has this name"),
    "duplicate snapshot": (duplicate, TakenError, "snapshot name 'drillbook-two' already used"),
    "locked": (lambda w: take(w, "shop-locked"), InfrastructureError, r"VM is locked \(backup\).*qmsnapshot:101"),
    "locked at its start": (lambda w: start(w, "shop-locked"), InfrastructureError, r"VM is locked \(backup\).*qmstart:101"),
    "locked configuration": (
        lambda w: w.api.put(f"{NODE}/qemu/101/config", description="x"), InfrastructureError, r"locked \(backup\)",
    ),
    "storage without snapshots": (lambda w: take(w, "shop-files"), RefusedError, "snapshot feature is not available"),
    "bad name": (lambda w: take(w, name="x"), ConfigurationError, "snapname: invalid format - invalid configuration ID 'x'"),
    "reserved name": (lambda w: take(w, name="current"), InfrastructureError, "'current' .reserved name"),
    "rollback to nothing": (
        lambda w: w.snapshots.go_back(w.machine("shop-db"), "nope", LIMIT), InfrastructureError,
        "snapshot 'nope' does not exist.*qmrollback",
    ),
    "removal of nothing": (
        lambda w: run(w, lambda: w.api.delete(f"{NODE}/qemu/100/snapshot/nope"), "qmdelsnapshot"), InfrastructureError,
        "snapshot 'nope' does not exist.*qmdelsnapshot",
    ),
    "silent agent": (
        lambda w: w.snapshots.freeze(w.machine("shop-mute"), LIMIT), UnreachedError, "QEMU guest agent is not running",
    ),
    "slow task": (restart_at_once, InfrastructureError, "start was not done after 0 s.*UPID:pve1:.*qmstart:104"),
    "machine that is gone": (
        lambda w: w.api.get(f"{NODE}/qemu/999/snapshot"), ConfigurationError, "999.conf' does not exist",
    ),
    "stale digest": (
        lambda w: w.api.put(f"{NODE}/qemu/100/config", digest="0" * 40, description="x"), InfrastructureError,
        "checksum mismatch .file change by other user",
    ),
    "number taken": (lambda w: w.api.post(f"{NODE}/qemu", vmid=100), TakenError, "VM 100 already exists on node 'pve1'"),
    "number not free": (
        lambda w: w.api.get("/cluster/nextid", vmid=100), ConfigurationError, "vmid: VM 100 already exists",
    ),
    "running machine": (
        lambda w: w.api.delete(f"{NODE}/qemu/100"), InfrastructureError, "VM 100 is running - destroy failed",
    ),
    "unknown storage": (
        lambda w: w.api.get(f"{NODE}/storage/nope/content"), ConfigurationError, "storage 'nope' does not exist",
    ),
    "unknown pool": (lambda w: w.api.get("/pools", poolid="nope"), ConfigurationError, "pool 'nope' does not exist"),
    "unknown node": (lambda w: w.api.get("/nodes/ghost/storage"), ConfigurationError, "hostname lookup 'ghost' failed"),
    "unknown method": (lambda w: w.api.post("/version"), ConfigurationError, "does not know the call: Method 'POST /"),
}  # fmt: skip


@pytest.mark.parametrize("case", AGREED)
def test_both_refuse_it_in_the_same_words(world: World, case: str) -> None:
    action, kind, words = AGREED[case]
    before = kept(world)
    with pytest.raises(kind, match=words):
        action(world)
    assert kept(world) == before


def test_both_refuse_a_token_that_there_is_not(world: World, tmp_path: Path) -> None:
    """In words of their own: ours has those that were recorded."""
    with pytest.raises(
        ConfigurationError, match=r"does not accept the token: (invalid token value!|authentication failure)"
    ):
        with_a_wrong_token(world, tmp_path).get("/version")


def test_both_know_no_storage_of_that_name(world: World) -> None:
    """fakepve was right: our server listed nothing here, and so did not show that our client took the refusal for a defect."""
    storages = BackupStorages(world.api)
    assert storages.on_node("pve1", "nope") is None
    with pytest.raises(ConfigurationError, match="storage: No such storage"):
        world.api.get(f"{NODE}/storage", storage="nope")
    assert (storages.on_node("pve1", "local") or {})["active"] == 1


DISAGREED: dict[str, tuple[Callable[[World], object], dict[str, str]]] = {
    # Made up by fakepve from the schema: it says no of a storage on which it then takes the snapshot.
    "feature": (
        lambda w: w.snapshots.refusal(w.machine("shop-db"), ram=False, quiesce=Quiesce.NONE),
        {"ours": "None", "fakepve": "a disk lies on a storage without snapshots"},
    ),
    # Recorded: "VM 101 is not running".
    "agent of a stopped machine": (
        lambda w: w.snapshots.freeze(w.machine("shop-locked"), LIMIT),
        {"ours": "VM 101 is not running", "fakepve": "QEMU guest agent is not running"},
    ),
    # Recorded: 500 "hostname lookup 'ghost' failed", for every call below a node.
    "tasks of an unknown node": (
        lambda w: w.api.get("/nodes/ghost/tasks"),
        {"ours": "hostname lookup 'ghost' failed", "fakepve": r"\[\]"},
    ),
    # Recorded: 501 "Method 'GET /nope' not implemented".
    "unknown path": (
        lambda w: w.api.get("/nope"),
        {"ours": "Method 'GET /nope' not implemented", "fakepve": "Not Found"},
    ),
    # Recorded: the task ends with "could not activate storage".
    "backup to an unknown storage": (
        lambda w: run(w, lambda: w.api.post(f"{NODE}/vzdump", vmid=100, storage="nope"), "vzdump"),
        {"ours": "could not activate storage 'nope'", "fakepve": "None"},
    ),
    # fakepve restores nothing and says so. Recorded: "volume '...' does not exist".
    "restore of a missing backup": (
        lambda w: w.api.post(f"{NODE}/qemu", vmid=9001, archive="local:backup/vzdump-qemu-100-2020_01_01-00_00_00.vma"),
        {"ours": "volume '.*' does not exist", "fakepve": "restoring an archive is not supported"},
    ),
}


@pytest.mark.parametrize("case", DISAGREED)
def test_where_they_differ_ours_follows_what_was_recorded(world: World, case: str) -> None:
    action, expected = DISAGREED[case]
    try:
        said = str(action(world))
    except DrillbookError as error:
        said = str(error)
    assert re.search(expected[world.name], said), said


def test_a_task_that_ends_well_and_leaves_nothing_is_no_success(other: World) -> None:
    """fakepve's vzdump ends with OK and stores nothing: our client does not take its word for it.

    `refusal` is not asked: fakepve tells root's privileges on / alone, where Proxmox VE answers for the path that it is asked about.
    """
    with pytest.raises(InfrastructureError, match="the task ended well, and no backup with our note is on pve1/local"):
        other.backups.back_up(
            other.machine("shop-db"), RULES, note="drillbook/1 host=shop-db group=shop", timeout=LIMIT
        )


def test_a_call_whose_answer_did_not_come_is_looked_up_and_not_made_again(other: World) -> None:
    """The server stands still until our client has given up, and then does what it was asked for."""
    process, asked = other.process, []
    assert process is not None

    def stalled() -> Any:
        asked.append("once")
        os.kill(process.pid, signal.SIGSTOP)
        try:
            return other.api.post(f"{NODE}/qemu/100/snapshot", snapname="drillbook-late")
        finally:
            os.kill(process.pid, signal.SIGCONT)

    run(other, stalled, "qmsnapshot")
    assert (len(asked), [name for name, *_ in kept(other)]) == (1, ["drillbook-late"])


def test_a_server_that_is_gone_is_named(other: World) -> None:
    assert other.process is not None
    machine = other.machine("shop-db")
    other.process.kill()
    other.process.wait()
    with pytest.raises(InfrastructureError, match=r"Proxmox VE does not answer \(in 127\.0\.0\.1:\d+, GET "):
        other.snapshots.snapshots(machine)


# From below the API's own sources: the kernel's words, the cluster's file system, the agent's socket, Perl's resolver, the storages' tools,
# and the server that starts workers.
NOT_OF_THE_SOURCES = (
    "No space left",
    "/etc/pve/",
    "can't lock file",
    "agent",
    "guest-",
    "hostname lookup",
    "most recent",
    "cloudinit",
    "start worker failed",
)


def test_the_words_that_our_client_knows_are_those_of_the_sources() -> None:
    """A pattern that nothing says any more would hide that its failure has no message of its own."""
    path = Path(str(distribution("fakepve").locate_file("fakepve/data/pve-errors.json.gz")))
    errors = json.loads(gzip.decompress(path.read_bytes()))["errors"]
    said = {re.sub(r"\{\w+\}", "100", entry["message"]) for entries in errors.values() for entry in entries}
    recorded = Path("tests/fixtures/proxmox/recorded.json").read_text(encoding="utf-8")
    unheard = [
        pattern
        for pattern, *_ in _KNOWN
        if not any(re.search(pattern, text) for text in said) and not re.search(pattern, recorded)
    ]
    assert [pattern for pattern in unheard if not any(words in pattern for words in NOT_OF_THE_SOURCES)] == []
