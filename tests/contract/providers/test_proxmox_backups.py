"""What is Proxmox VE's own about backups: storages, fleecing, tasks, locks, protection, tokens, and calls that are cut off."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.providers.proxmox import BACKUP_USER, TOKEN, ProxmoxWorld, documented_backup_roles, granted, shop
from tests.support.proxmox import ProxmoxServer
from tests.support.proxmox.state import Grant

from drillbook.errors import ConfigurationError, DrillbookError, InfrastructureError, RefusedError, UnknownOutcomeError
from drillbook.model import Backup, BackupMode, BackupNote, Machine
from drillbook.providers.proxmox import tasks
from drillbook.providers.proxmox.notes import cards_of, read_note

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LIMIT = timedelta(seconds=20)
HOST = "shop-db"
NEEDLESS = {"bwlimit", "ionice", "performance", "prune-backups", "protected", "tmpdir", "dumpdir", "script"}


def back_up(
    world: ProxmoxWorld, host: str = HOST, run: str = "one", timeout: timedelta = LIMIT, **rules: Any
) -> Backup:
    (machine,) = world.backups.find((host,))
    note = BackupNote(host, "shop", run, machine.identifier).render()
    return world.backups.back_up(machine, replace(world.rules, **rules), note=note, timeout=timeout)


def jobs(world: ProxmoxWorld) -> list[dict[str, Any]]:
    return [one["parameters"] for one in world.control.served("POST", "/vzdump")]


@pytest.fixture
def machine(proxmox: ProxmoxWorld) -> Machine:
    (found,) = proxmox.backups.find((HOST,))
    return found


@pytest.mark.parametrize("mode", BackupMode)
def test_what_is_asked_for_needs_no_more_than_the_right_to_back_up(proxmox: ProxmoxWorld, mode: BackupMode) -> None:
    made = back_up(proxmox, mode=mode, fleecing_storage="thin")
    (asked,) = jobs(proxmox)
    assert (str(asked["vmid"]), asked["storage"], asked["mode"], asked["compress"]) == ("100", "nas", mode, "zstd")
    assert asked["fleecing"] == "enabled=1,storage=thin"
    assert not NEEDLESS & set(asked)
    assert (made.size or 0) > 0
    assert made.identifier.endswith(".vma.zst")


def test_a_backup_server_compresses_by_itself_and_says_what_it_verified(proxmox: ProxmoxWorld) -> None:
    rules = replace(proxmox.rules, storage="backups")
    made = back_up(proxmox, storage="backups")
    assert "compress" not in jobs(proxmox)[0]
    assert (made.verified, proxmox.backups.fault(made, rules, LIMIT)) == (None, None)
    proxmox.control.backup(made.identifier, verification="ok")
    assert proxmox.backups.backups((HOST,), rules)[0].verified is True
    proxmox.control.backup(made.identifier, verification="failed")
    assert "verification failed" in (proxmox.backups.fault(made, rules, LIMIT) or "")


def test_the_storages_own_pruning_does_not_interfere(proxmox: ProxmoxWorld) -> None:
    proxmox.server.state.storages["nas"].options["prune-backups"] = "keep-last=1"
    for run in ("one", "two"):
        back_up(proxmox, run=run)
    assert proxmox.stored() == 2


def test_the_note_tells_a_restore_which_cards_to_isolate(proxmox: ProxmoxWorld) -> None:
    note = read_note(back_up(proxmox).note)
    assert note is not None
    assert (note.host, note.group) == (HOST, "shop")
    assert {name: card.model for name, card in note.cards.items()} == {"net0": "virtio"}


@pytest.mark.parametrize(
    "pending",
    [
        {"net0": "e1000=BC:24:11:99:99:99,bridge=vmbr0"},
        {"net0": None},
        {"net1": "virtio=BC:24:11:99:99:99,bridge=vmbr0"},
    ],
)
def test_the_note_has_the_cards_that_are_in_the_backup_and_not_those_to_come(
    proxmox: ProxmoxWorld, pending: dict[str, Any]
) -> None:
    before = read_note(back_up(proxmox).note)
    proxmox.control.guest(100, pending=pending)
    made = back_up(proxmox, run="two")
    note, archive = read_note(made.note), proxmox.server.state.volumes[f"|{made.identifier}"].archive
    assert before is not None
    assert note is not None
    assert archive is not None
    assert note.cards == before.cards == cards_of(archive.config)


@pytest.mark.parametrize(("host", "vmid", "disk"), [(HOST, 100, "scsi0"), ("shop-mail", 200, "mp0")])
@pytest.mark.parametrize("left_out_now", [True, False])
def test_what_a_backup_leaves_out_is_told_of_the_disks_as_they_are_now(
    proxmox: ProxmoxWorld,
    host: str,
    vmid: int,
    disk: str,
    left_out_now: bool,
) -> None:
    """vzdump reads no pending changes: they are of the next start."""
    guest = proxmox.server.state.guests[vmid]
    line = str(guest.config.get("scsi0") or guest.config["rootfs"] + ",mp=/srv").split(",backup=")[0]
    guest.config[disk] = f"{line},backup={int(not left_out_now)}"
    proxmox.control.guest(vmid, pending={disk: f"{line},backup={int(left_out_now)}"})
    (machine,) = proxmox.backups.find((host,))
    said = proxmox.backups.refusal(machine, proxmox.rules) or ""
    assert (f"would leave out {disk}" in said) is left_out_now


def test_a_container_is_backed_up_too(proxmox: ProxmoxWorld) -> None:
    made = back_up(proxmox, "shop-mail", fleecing_storage="thin")
    assert "fleecing" not in jobs(proxmox)[0]
    assert proxmox.backups.fault(made, proxmox.rules, LIMIT) is None


def test_each_nodes_own_storage_is_read_and_what_is_not_seen_is_not_taken_for_gone(proxmox: ProxmoxWorld) -> None:
    rules = replace(proxmox.rules, storage="local")
    made = [back_up(proxmox, host, storage="local") for host in (HOST, "shop-web1")]
    assert [one.place for one in made] == ["pve1/local", "pve2/local"]
    assert set(proxmox.backups.backups(proxmox.hosts, rules)) == set(made)
    assert [proxmox.backups.fault(one, rules, LIMIT) for one in made] == [None, None]
    proxmox.backups.remove(made[1], LIMIT)
    assert proxmox.backups.backups(proxmox.hosts, rules) == (made[0],)
    proxmox.control.faults(offline=["pve3"])
    with pytest.raises(InfrastructureError, match="storage local can't be read on pve3"):
        proxmox.backups.backups(proxmox.hosts, rules)
    assert proxmox.backups.backups(proxmox.hosts, proxmox.rules) == (), "a shared one is read on any node"


def test_a_storage_of_some_nodes_is_read_on_those(proxmox: ProxmoxWorld) -> None:
    proxmox.server.state.storages["local"].nodes = ["pve1", "pve2"]
    made = back_up(proxmox, storage="local")
    assert proxmox.backups.backups(proxmox.hosts, replace(proxmox.rules, storage="local")) == (made,)
    proxmox.server.state.storages["local"].nodes = ["pve2"]
    proxmox.control.faults(inactive_storages=["local"])
    with pytest.raises(InfrastructureError, match=r"storage local can't be read on pve2"):
        proxmox.backups.backups(proxmox.hosts, replace(proxmox.rules, storage="local"))


def test_a_nodes_storage_is_asked_for_once_and_again_where_it_was_not_active(proxmox: ProxmoxWorld) -> None:
    machines = proxmox.backups.find((HOST, "shop-mail"))
    assert {machine.place for machine in machines} == {"pve1"}
    proxmox.control.faults(inactive_storages=["nas"])
    assert "is not active" in (proxmox.backups.refusal(machines[0], proxmox.rules) or "")
    proxmox.control.repair()
    proxmox.control.forget_served()
    assert [proxmox.backups.refusal(machine, proxmox.rules) for machine in machines] == [None, None]
    note = BackupNote(HOST, "shop", "one", machines[0].identifier).render()
    proxmox.backups.back_up(machines[0], proxmox.rules, note=note, timeout=LIMIT)
    assert len([one for one in proxmox.control.served("GET") if one["path"].endswith("/storage")]) == 1


def config(**changes: str) -> Callable[[ProxmoxWorld], None]:
    return lambda world: world.server.state.guests[100].config.update(changes)


def storage(name: str, **changes: Any) -> Callable[[ProxmoxWorld], None]:
    def change(world: ProxmoxWorld) -> None:
        for key, value in changes.items():
            setattr(world.server.state.storages[name], key, value)

    return change


REFUSALS: dict[str, tuple[Callable[[ProxmoxWorld], object], dict[str, Any], str | None]] = {
    "sound": (lambda _: None, {}, None),
    "locked": (lambda world: world.control.guest(100, lock="migrate"), {}, "it is locked (migrate)"),
    "storage unknown": (lambda _: None, {"storage": "nope"}, "node pve1 has no storage nope"),
    "storage on other nodes": (storage("nas", nodes=["pve2"]), {}, "storage nas is disabled, or not for node pve1"),
    "storage for other content": (storage("nas", content="images"), {}, "storage nas does not take content backup"),
    "storage disabled": (storage("nas", options={"disable": 1}), {}, "storage nas is disabled"),
    "storage inactive": (lambda world: world.control.faults(inactive_storages=["nas"]), {}, "is not active on node pve1"),
    "no fleecing storage": (lambda _: None, {"fleecing_storage": "nope"}, "node pve1 has no storage nope"),
    "fleecing storage for other content": (
        storage("thin", content="rootdir"), {"fleecing_storage": "thin"}, "storage thin does not take content images",
    ),
    "disk left out": (config(scsi1="thin:vm-100-disk-9,backup=0,size=1G"), {}, "a backup would leave out scsi1 (option"),
    "disk meant to be left out": (
        config(scsi1="thin:vm-100-disk-9,backup=0,size=1G"), {"leave_out": {HOST: ("scsi1",)}}, None,
    ),
    "disk taken in": (config(scsi1="thin:vm-100-disk-9,backup=1,size=1G"), {}, None),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_what_can_not_be_backed_up_says_why(proxmox: ProxmoxWorld, case: str) -> None:
    spoil, rules, why = REFUSALS[case]
    spoil(proxmox)
    (found,) = proxmox.backups.find((HOST,))
    said = proxmox.backups.refusal(found, replace(proxmox.rules, **rules))
    assert (said is None) if why is None else (said is not None and why in said), said


def test_a_mount_point_that_does_not_say_yes_is_left_out_of_a_containers_backup(proxmox: ProxmoxWorld) -> None:
    proxmox.server.state.guests[200].config.update(mp0="thin:subvol-200-disk-1,mp=/a", mp1="thin:x,mp=/b,backup=1")
    (found,) = proxmox.backups.find(("shop-mail",))
    assert "leave out mp0 (" in (proxmox.backups.refusal(found, proxmox.rules) or "")


FAULTS: dict[str, tuple[Callable[[ProxmoxWorld], object], type[DrillbookError], str]] = {
    "locked": (
        lambda world: world.control.guest(100, lock="snapshot"), InfrastructureError, r"locked \(snapshot\).*qm unlock",
    ),
    "storage gone meanwhile": (
        lambda world: world.control.faults(fail={"vzdump": ["could not activate storage 'nas': storage 'nas' does not exist"]}),
        ConfigurationError, "Correct the storage's name",
    ),
    "aborted": (lambda world: world.control.faults(abort={"vzdump": 1}), InfrastructureError, "interrupted by signal.*who"),
    "no quorum": (lambda world: world.control.faults(quorum_lost=True), InfrastructureError, "no quorum"),
    "full": (lambda world: world.control.faults(full_storages=["nas"]), InfrastructureError, "No space left.*prune"),
    "token expired": (
        lambda world: world.control.expire_token("backup@pve", "snapshots"), ConfigurationError, "does not accept the token",
    ),
    "forbidden": (
        lambda world: world.control.answer_with(403, "Permission check failed (/vms/100, VM.Backup)", "POST", "/vzdump"),
        ConfigurationError, "the token may not do that.*VM.Backup",
    ),
    "refused": (
        lambda world: world.control.answer_with(500, "got lock timeout - aborting command", "POST", "/vzdump"),
        InfrastructureError, "got lock timeout",
    ),
    "node away": (lambda world: world.control.faults(offline=["pve1"]), InfrastructureError, "does not answer"),
    "moved meanwhile": (
        lambda world: setattr(world.server.state.guests[100], "node", "pve2"), ConfigurationError, "look where it went",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_a_message_of_its_own_and_leaves_no_backup(
    proxmox: ProxmoxWorld, machine: Machine, fault: str
) -> None:
    strike, kind, message = FAULTS[fault]
    strike(proxmox)
    note = BackupNote(HOST, "shop", "one", machine.identifier).render()
    with pytest.raises(kind, match=message):
        proxmox.backups.back_up(machine, proxmox.rules, note=note, timeout=LIMIT)
    assert proxmox.stored() == 0


def test_another_node_that_is_away_is_named(proxmox: ProxmoxWorld) -> None:
    proxmox.control.faults(offline=["pve2"])
    with pytest.raises(InfrastructureError, match=r"node does not answer \(596.*/nodes/pve2/"):
        back_up(proxmox, "shop-web1")


def test_a_machine_that_moved_between_looking_and_asking_is_named(proxmox: ProxmoxWorld, machine: Machine) -> None:
    proxmox.server.state.guests[100].node = "pve2"
    with pytest.raises(InfrastructureError, match="node pve1 does not have it any more"):
        proxmox.backups._start(machine, {"vmid": 100, "storage": "nas"})


def test_a_call_that_was_cut_off_is_looked_up_and_never_made_again(
    proxmox: ProxmoxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxmox.control.cut_connection("POST", "/vzdump$", accepted=True)
    back_up(proxmox)
    assert (len(jobs(proxmox)), proxmox.stored()) == (1, 1)
    monkeypatch.setattr(tasks, "TASK_APPEARS", timedelta(seconds=0.5))
    proxmox.control.cut_connection("POST", "/vzdump$", accepted=False)
    with pytest.raises(UnknownOutcomeError, match="may have been done"):
        back_up(proxmox, run="two")
    assert proxmox.stored() == 1


def test_a_pool_that_the_token_is_not_shown_is_warned_of(proxmox: ProxmoxWorld) -> None:
    proxmox.server.state.roles["DrillbookBackups"].remove("Pool.Audit")
    made = back_up(proxmox)
    assert " pool= " in made.note
    (warning,) = made.warnings
    assert "the pool shop, which the token is not shown" in warning
    assert "Pool.Audit on /pool/shop" in warning


def test_one_pool_that_is_hidden_among_all_others_is_not_taken_for_none(proxmox: ProxmoxWorld) -> None:
    """What is granted on a pool takes the place of what is granted on all of them."""
    state = proxmox.server.state
    state.roles["DrillbookBackups"].remove("Pool.Audit")
    state.roles["Auditor"] = ["Pool.Audit"]
    state.grants += [
        Grant("/pool", kind, subject, "Auditor")
        for kind, subject in (("user", BACKUP_USER), ("token", f"{BACKUP_USER}!{TOKEN}"))
    ]
    made = back_up(proxmox)
    assert (" pool= " in made.note, len(made.warnings)) == (True, 1)


def test_a_machine_in_no_pool_is_said_to_be_in_none(proxmox: ProxmoxWorld) -> None:
    """Where the token is shown all pools: else it can't tell."""
    state = proxmox.server.state
    state.pools["shop"].vms.remove(100)
    subjects = (("user", BACKUP_USER), ("token", f"{BACKUP_USER}!{TOKEN}"))
    state.grants += [Grant("/vms/100", kind, subject, "DrillbookBackups") for kind, subject in subjects]
    assert " pool= " in back_up(proxmox).note
    state.grants += [Grant("/pool", kind, subject, "DrillbookBackups") for kind, subject in subjects]
    made = back_up(ProxmoxWorld(proxmox.server, proxmox.place.tokens_directory), run="two")
    assert (" pool=- " in made.note, made.warnings) == (True, ())


def test_who_may_not_see_backups_is_told_so_and_not_that_there_are_none(proxmox: ProxmoxWorld) -> None:
    """Proxmox VE leaves out of the list what one may not see."""
    assert proxmox.backups.backups((HOST,), proxmox.rules) == ()
    made = back_up(proxmox)
    assert proxmox.backups.backups((HOST, "shop-web1"), proxmox.rules) == (made,)
    proxmox.server.state.roles["DrillbookBackups"].remove("VM.Backup")
    with pytest.raises(
        ConfigurationError, match=rf"no backup of {HOST}: it lacks VM.Backup \(in /vms/100 of the cluster\)"
    ):
        proxmox.backups.backups((HOST,), proxmox.rules)


def test_a_machine_that_is_gone_or_not_shown_is_not_said_to_have_no_backup(proxmox: ProxmoxWorld) -> None:
    """Its removal took it out of its pool, and the token's right on its number with it."""
    made = back_up(proxmox)
    del proxmox.server.state.guests[100]
    proxmox.server.state.pools["shop"].vms.remove(100)
    with pytest.raises(ConfigurationError, match=rf"{HOST}, and no backup of it: it is gone, .*VM.Backup on /vms/N"):
        proxmox.backups.backups((HOST, "shop-web1"), proxmox.rules)
    proxmox.server.state.grants += granted("/vms", "DrillbookBackups")
    assert proxmox.backups.backups((HOST,), proxmox.rules) == (made,)
    assert proxmox.backups.backups(("no-such-machine",), proxmox.rules) == (), "all numbers are shown"


def test_who_may_look_at_a_storage_and_not_write_to_it_is_told_so(proxmox: ProxmoxWorld, machine: Machine) -> None:
    """Proxmox VE shows the storage for either right, and its backups for one of them."""
    back_up(proxmox)
    proxmox.server.state.roles["DrillbookBackupStorage"] = ["Datastore.Audit"]
    said = proxmox.backups.refusal(machine, proxmox.rules)
    assert said == "the token may not write to storage nas (Datastore.AllocateSpace on /storage/nas)"
    with pytest.raises(
        ConfigurationError, match=r"no backup on nas: it lacks Datastore.AllocateSpace \(in /storage/nas "
    ):
        proxmox.backups.backups((HOST,), proxmox.rules)


def test_a_fleecing_storage_must_be_writable_too(proxmox: ProxmoxWorld, machine: Machine) -> None:
    state = proxmox.server.state
    state.roles["Auditor"] = ["Datastore.Audit"]
    state.grants = [one for one in state.grants if one.path != "/storage/thin"] + granted("/storage/thin", "Auditor")
    said = proxmox.backups.refusal(machine, replace(proxmox.rules, fleecing_storage="thin"))
    assert said == "the token may not write to storage thin (Datastore.AllocateSpace on /storage/thin)"


def test_a_storage_that_is_disabled_is_called_so(proxmox: ProxmoxWorld) -> None:
    proxmox.server.state.storages["nas"].options["disable"] = 1
    with pytest.raises(ConfigurationError, match=r"storage nas is disabled, or for none of the nodes.*Enable it"):
        proxmox.backups.backups((HOST,), proxmox.rules)


def test_warnings_come_with_the_backup(proxmox: ProxmoxWorld) -> None:
    proxmox.control.faults(warn={"vzdump": 1})
    assert back_up(proxmox).warnings == ("WARN: planned by the test",)


def test_one_that_takes_too_long_is_named_and_left_alone(proxmox: ProxmoxWorld) -> None:
    proxmox.control.faults(slow={"vzdump": 1.5})
    with pytest.raises(InfrastructureError, match=r"backup to nas was not done after"):
        back_up(proxmox, timeout=timedelta(seconds=0.5))
    proxmox.control.settle()
    assert proxmox.stored() == 1


def test_a_task_that_ends_well_and_leaves_nothing_is_no_success(
    proxmox: ProxmoxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxmox.backups._storages, "of_machine", lambda *_: [])
    with pytest.raises(InfrastructureError, match="no backup with our note is on nas"):
        back_up(proxmox)


@pytest.mark.parametrize(("change", "why"), [({"size": 0}, "empty"), ({"damaged": True}, "can't be read out of it")])
def test_damage_says_what_it_is(proxmox: ProxmoxWorld, change: dict[str, Any], why: str) -> None:
    made = back_up(proxmox)
    proxmox.control.backup(made.identifier, **change)
    assert why in (proxmox.backups.fault(made, proxmox.rules, LIMIT) or "")


def test_what_can_not_be_looked_at_is_neither_good_nor_bad(proxmox: ProxmoxWorld) -> None:
    made = back_up(proxmox)
    proxmox.control.answer_with(596, "Connection timed out", "GET", "/extractconfig")
    with pytest.raises(InfrastructureError, match="node does not answer"):
        proxmox.backups.fault(made, proxmox.rules, LIMIT)
    proxmox.control.answer_with(403, "Permission check failed", "GET", "/extractconfig")
    with pytest.raises(ConfigurationError, match="may not do that"):
        proxmox.backups.fault(made, proxmox.rules, LIMIT)


@pytest.mark.parametrize("accepted", [True, False])
def test_a_removal_or_protection_that_was_cut_off_is_looked_up(proxmox: ProxmoxWorld, accepted: bool) -> None:
    made = back_up(proxmox)
    proxmox.control.cut_connection("PUT", "/content/", accepted=accepted)
    if accepted:
        proxmox.backups.protect(made, protected=True)
    else:
        with pytest.raises(UnknownOutcomeError):
            proxmox.backups.protect(made, protected=True)
    assert proxmox.backups.backups((HOST,), proxmox.rules)[0].protected is accepted
    proxmox.backups.protect(made, protected=False)
    proxmox.control.cut_connection("DELETE", "/content/", accepted=accepted)
    if accepted:
        proxmox.backups.remove(made, LIMIT)
    else:
        with pytest.raises(InfrastructureError, match="still there after 1 s"):
            proxmox.backups.remove(made, timedelta(seconds=1))
    assert proxmox.stored() == int(not accepted)


def test_one_that_is_protected_in_the_last_moment_stays(proxmox: ProxmoxWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    made = back_up(proxmox)
    proxmox.backups.protect(made, protected=True)
    monkeypatch.setattr(proxmox.backups, "_listed", lambda _backup: made)
    with pytest.raises(RefusedError, match=r"cannot remove protected volume.*on purpose"):
        proxmox.backups.remove(made, LIMIT)
    assert proxmox.stored() == 1


def test_more_than_the_storage_allows_are_not_protected(proxmox: ProxmoxWorld) -> None:
    proxmox.server.state.storages["nas"].options["max-protected-backups"] = 0
    with pytest.raises(RefusedError, match=r"limited to 0.*max-protected-backups"):
        proxmox.backups.protect(back_up(proxmox), protected=True)


def use_all(world: ProxmoxWorld) -> None:
    """Do everything that the token is for."""
    rules = replace(world.rules, fleecing_storage="thin")
    (found,) = world.backups.find((HOST,))
    assert world.backups.refusal(found, rules) is None
    made = back_up(world, fleecing_storage="thin")
    assert (" pool=shop " in made.note, made.warnings) == (True, ())
    assert made in world.backups.backups((HOST,), rules)
    assert world.backups.fault(made, rules, LIMIT) is None
    world.backups.protect(made, protected=True)
    world.backups.protect(made, protected=False)
    world.backups.remove(made, LIMIT)


WITHOUT = [(role, name) for role, names in documented_backup_roles().items() for name in names]


@pytest.mark.parametrize("missing", [None, *WITHOUT], ids=str)
def test_the_documented_privileges_are_enough_and_none_is_idle(tmp_path: Path, missing: tuple[str, str] | None) -> None:
    roles = {
        role: [name for name in names if (role, name) != missing] for role, names in documented_backup_roles().items()
    }
    with ProxmoxServer(shop(backup_roles=roles)) as server:
        world = ProxmoxWorld(server, tmp_path)
        if missing is None:
            use_all(world)
        else:
            with pytest.raises((DrillbookError, AssertionError)):
                use_all(world)


def test_the_backup_token_can_restore_over_its_machine(proxmox: ProxmoxWorld) -> None:
    """The how-to warns of it. Without a card on a bridge, nothing else is asked for (SDN.Use)."""
    guest = proxmox.server.state.guests[100]
    del guest.config["net0"]
    made = back_up(proxmox)
    guest.status = "stopped"
    task = proxmox.backups._api.post("/nodes/pve1/qemu", vmid=100, archive=made.identifier, force=1)
    assert proxmox.backups._tasks.wait(str(task), what="restore", timeout=LIMIT) == ()
