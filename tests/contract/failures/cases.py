"""Which failure meets which command, and what is said then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tests.contract.failures.console import RUN
from tests.contract.machine_drills.world import HOSTS, RANGE
from tests.contract.machine_drills.world import TOKEN as DRILL_TOKEN
from tests.contract.machine_drills.world import USER as DRILL_USER
from tests.contract.providers.proxmox import BACKUP_ROLES, BACKUP_USER, TOKEN, USER
from tests.support.proxmox.state import Grant, Snapshot

from drillbook.machines.backups import backups_by_machine

if TYPE_CHECKING:
    import pytest
    from tests.contract.failures.console import Console

Strike = Callable[["Console", "pytest.MonkeyPatch"], object]
# What each failure says of itself, and no other does.
SENTENCES = {
    "locked": r"still locked after \d+ s of waiting, since [^ ]+: shop-db \(backup\)",
    "configuration held": r"can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout",
    "duplicate snapshot": rf"snapshot name '{RUN.format(0)}' already used",
    "missing storage": r"no storage backups|storage '(backups|scratch)' does not exist",
    "protected backup": r"is protected",
    "stale digest": r"the drill's credential is too strong: it may change it \(shop-db, VMID 100\)",
    "no quorum": r"/etc/pve/\S+' - Permission denied|cluster not ready - no quorum",
    "agent silent": r"QEMU guest agent is not running|it did not answer within 3 s of its start",
    "401": r"Proxmox VE does not accept the token: token '\w+' access expired",
    "403": r"Permission check failed",
    "500": r"unable to parse zfs volume name",
    "501": r"this Proxmox VE does not know the call: Method '\w+ \S+' not implemented",
    "596": r"the node does not answer \(596 Connection timed out\)",
    "aborted": r"interrupted by signal",
}


@dataclass(frozen=True)
class Case:
    """``strike`` breaks something behind the command's back; ``where`` and ``remedy`` stand in its message."""

    failure: str
    command: str
    strike: Strike
    code: int
    where: str
    remedy: str
    machines: dict[str, Any] = field(default_factory=dict)

    def prepare(self, console: Console) -> None:
        """What the command works on: two sets, two runs of backups, or one of them for a drill."""
        what = self.command.split()[0]
        times = 0 if self.command.endswith("create shop") else 1 if what == "drill" else 2
        for _ in range(times):
            console.take("backup" if what == "drill" else what)
        console.machines |= self.machines


CREATE, RESTORE, PRUNE = "snapshot create shop", "snapshot restore shop --confirm shop", "snapshot prune shop"
BACK_UP, THIN_OUT = "backup create shop", "backup prune shop"
UNPROTECT = f"backup unprotect shop --backup {RUN.format(0)}"
DRILL = "drill run shop-latest"
COMMANDS = (CREATE, RESTORE, PRUNE, BACK_UP, THIN_OUT, UNPROTECT, DRILL)


def lock(console: Console, _patch: pytest.MonkeyPatch) -> None:
    for vmid in HOSTS.values():
        console.control.guest(vmid, lock="backup")


def take_the_name(console: Console, _patch: pytest.MonkeyPatch) -> None:
    """Somebody else's snapshot of the second machine, under the name that the set will have."""
    guest = console.server.state.guests[101]
    guest.snapshots[RUN.format(0)] = Snapshot(RUN.format(0), dict(guest.config), console.server.state.now(), "theirs")


def protect_meanwhile(console: Console, patch: pytest.MonkeyPatch) -> None:
    """All are protected, and the command still sees them as they were before."""
    for volume in console.server.state.volumes.values():
        volume.protected = volume.content == "backup"
    patch.setattr(
        "drillbook.cli.backup.backups_by_machine",
        lambda group, backups: backups_by_machine(group, [replace(backup, protected=False) for backup in backups]),
    )


def lie_about_privileges(console: Console, patch: pytest.MonkeyPatch) -> None:
    """The token may change a machine of production, and Proxmox VE does not say so: only the try with a stale digest tells."""
    patch.setattr("drillbook.providers.proxmox.limits._stated", lambda _api, _drill: None)
    state = console.server.state
    state.roles["TooMuch"] = ["VM.Config.Options"]
    for kind, subject in (("user", DRILL_USER), ("token", f"{DRILL_USER}!{DRILL_TOKEN}")):
        state.grants.append(Grant("/vms/100", kind, subject, "TooMuch"))


def faults(**planned: object) -> Strike:
    return lambda console, _patch: console.control.faults(**planned)


def answer(status: int, reason: str, method: str, path: str) -> Strike:
    return lambda console, _patch: console.control.answer_with(status, reason, method, path, count=9)


def expire(user: str, token: str) -> Strike:
    return lambda console, _patch: console.control.expire_token(user, token)


def without(role: str, privilege: str) -> Strike:
    return lambda console, _patch: console.server.state.roles[role].remove(privilege)


def unmount(storage: str) -> Strike:
    return lambda console, _patch: console.server.state.storages.pop(storage)


TOKEN_REMEDY = "Give a token that exists and has not expired (drillbook_providers, tokens_directory)."
MAY_NOT = "Give the token's role that privilege on that path."
QUORUM = "The cluster has no quorum: bring its nodes back first."
STOPPED = "Somebody stopped the task; see who in the node's task list."
NODE_AWAY = "See that the node is up and its certificate belongs to the cluster."
TOO_OLD = "Version 8.4 or newer is needed."
SEE_LOG = "See the node's task log and journal."
AFTER_THE_LOCK = (
    "Run the same command again when nothing holds them, or wait longer: drillbook_machines.lock_wait_seconds."
)
ANOTHER_CALL = "Another call holds its configuration: run again when that is done."
STORAGE_NAME = "Correct the storage's name, or mount it on this node."
AGENT = "Start qemu-guest-agent in the guest, or leave this machine out."

STRANGE = "unable to parse zfs volume name"
UNKNOWN_CALL = "Method 'X /nodes/pve1' not implemented"
HELD = "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout"
NO_BACKUP = "Permission check failed (/vms/100, VM.Backup)"
# Of each command the call that changes something.
CALLS = {
    CREATE: ("POST", "/qemu/100/snapshot$"),
    RESTORE: ("POST", "/rollback$"),
    PRUNE: ("DELETE", "/snapshot/"),
    BACK_UP: ("POST", "/vzdump$"),
    THIN_OUT: ("DELETE", "/content/"),
    UNPROTECT: ("PUT", "/content/"),
    DRILL: ("POST", "/qemu/9000/status/start$"),
}
# And the task that it starts.
TASKS = {
    CREATE: "qmsnapshot",
    RESTORE: "qmrollback",
    PRUNE: "qmdelsnapshot",
    BACK_UP: "vzdump",
    THIN_OUT: "imgdel",
    DRILL: "qmrestore",
}
TOKENS = {
    CREATE: (USER, TOKEN),
    RESTORE: (USER, TOKEN),
    PRUNE: (USER, TOKEN),
    BACK_UP: (BACKUP_USER, TOKEN),
    THIN_OUT: (BACKUP_USER, TOKEN),
    UNPROTECT: (BACKUP_USER, TOKEN),
    DRILL: (DRILL_USER, DRILL_TOKEN),
}
SINGLE = (
    *(
        Case("locked", command, lock, 3, "in group shop", AFTER_THE_LOCK)
        for command in (CREATE, RESTORE, PRUNE, BACK_UP)
    ),
    Case(
        "duplicate snapshot", CREATE, take_the_name, 3, "task UPID:pve2:", "Take another name, or remove that snapshot."
    ),
    Case(
        "missing storage",
        BACK_UP,
        unmount("backups"),
        3,
        "in shop-db (qemu/100)",
        "Mend that; nothing was touched there.",
    ),
    Case(
        "missing storage",
        THIN_OUT,
        unmount("backups"),
        2,
        "in drillbook_machines.backup.storage",
        "Correct the name, or",
    ),
    Case(
        "missing storage",
        UNPROTECT,
        unmount("backups"),
        2,
        "in drillbook_machines.backup.storage",
        "Correct the name, or",
    ),
    Case("missing storage", DRILL, unmount("scratch"), 3, "task UPID:pve3:", STORAGE_NAME),
    Case("protected backup", THIN_OUT, protect_meanwhile, 3, "in shop-db, backups", "drillbook backup unprotect"),
    Case("stale digest", DRILL, lie_about_privileges, 2, "provider cluster", "Take that privilege away"),
    Case(
        "agent silent",
        CREATE,
        faults(silent_agents=[101]),
        3,
        "/qemu/101/agent/fsfreeze-freeze",
        AGENT,
        {"quiesce": "agent"},
    ),
    Case(
        "agent silent", DRILL, faults(silent_agents=list(RANGE)), 3, "shop-db (qemu/9000)", "does its guest agent run?"
    ),
    Case("no quorum", CREATE, faults(quorum_lost=True), 3, "task UPID:pve1:", QUORUM),
    Case("no quorum", RESTORE, faults(quorum_lost=True), 3, "task UPID:pve1:", QUORUM),
    Case("no quorum", PRUNE, faults(quorum_lost=True), 3, "task UPID:pve1:", QUORUM),
    Case("no quorum", BACK_UP, faults(quorum_lost=True), 3, "task UPID:pve1:", QUORUM),
    Case("no quorum", DRILL, faults(quorum_lost=True), 3, "POST /nodes/pve3/qemu", QUORUM),
    Case("403", CREATE, without("DrillbookSnapshots", "VM.Snapshot"), 3, "POST /nodes/pve1/qemu/100/snapshot", MAY_NOT),
    Case(
        "403",
        CREATE,
        without("DrillbookSnapshots", "VM.GuestAgent.FileSystemMgmt"),
        3,
        "freezing failed for 2 of 2 machines",
        MAY_NOT,
        {"quiesce": "agent"},
    ),
    Case(
        "403",
        RESTORE,
        without("DrillbookSnapshots", "VM.Snapshot"),
        3,
        f"/qemu/100/snapshot/{RUN.format(1)}/rollback",
        MAY_NOT,
    ),
    Case(
        "403",
        PRUNE,
        without("DrillbookSnapshots", "VM.Snapshot"),
        3,
        f"DELETE /nodes/pve1/qemu/100/snapshot/{RUN.format(0)}",
        MAY_NOT,
    ),
    Case("403", BACK_UP, without(BACKUP_ROLES[0], "VM.Backup"), 3, "task UPID:pve1:", MAY_NOT),
    Case(
        "403",
        THIN_OUT,
        answer(403, NO_BACKUP, *CALLS[THIN_OUT]),
        3,
        "DELETE /nodes/pve1/storage/backups/content/",
        MAY_NOT,
    ),
    Case(
        "403",
        UNPROTECT,
        answer(403, NO_BACKUP, *CALLS[UNPROTECT]),
        2,
        "PUT /nodes/pve1/storage/backups/content/",
        MAY_NOT,
    ),
    Case("403", DRILL, answer(403, NO_BACKUP, *CALLS[DRILL]), 3, "POST /nodes/pve3/qemu/9000/status/start", MAY_NOT),
    Case("596", CREATE, faults(offline=["pve2"]), 3, "GET /nodes/pve2/qemu/101/feature", NODE_AWAY),
    Case("596", RESTORE, faults(offline=["pve2"]), 3, "GET /nodes/pve2/qemu/101/snapshot", NODE_AWAY),
    Case("596", PRUNE, faults(offline=["pve2"]), 3, "GET /nodes/pve2/qemu/101/snapshot", NODE_AWAY),
    Case("596", DRILL, faults(offline=["pve3"]), 3, "/nodes/pve3/", NODE_AWAY),
)


def _of_every_command() -> Iterator[Case]:
    """What any call may be answered with."""
    for command, (method, path) in CALLS.items():
        place = f"{method} /nodes/pve"
        refused = 2 if command == UNPROTECT else 3
        yield Case("401", command, expire(*TOKENS[command]), 2, "GET /", TOKEN_REMEDY)
        yield Case("500", command, answer(500, STRANGE, method, path), 3, place, SEE_LOG)
        yield Case("501", command, answer(501, UNKNOWN_CALL, method, path), refused, place, TOO_OLD)
        yield Case("configuration held", command, answer(500, HELD, method, path), 3, place, ANOTHER_CALL)
    for command, kind in TASKS.items():
        yield Case("aborted", command, faults(abort={kind: len(HOSTS)}), 3, "task UPID:pve", STOPPED)


CASES = {
    " ".join((f"{case.failure}: {case.command}", *case.machines.values())): case
    for case in (*SINGLE, *_of_every_command())
}
