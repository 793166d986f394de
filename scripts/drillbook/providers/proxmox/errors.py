"""What Proxmox VE says when something can't be done, as our errors: what, where, what to do now.

The texts are those of pve-manager 9.0, recorded from a running one (tests/fixtures/proxmox). The same text arrives as the reason
of an HTTP status or as the exit status of a task.
"""

import re
from collections.abc import Mapping

from drillbook.errors import (
    ConfigurationError,
    DrillbookError,
    InfrastructureError,
    LockedError,
    RefusedError,
    TakenError,
    UnreachedError,
)

_MAY_NOT = "Give the token's role that privilege on that path."
_KNOWN: tuple[tuple[str, type[DrillbookError], str], ...] = (
    (r"is locked \(", LockedError, "Wait for what holds it; a lock that a crash left is removed by `qm unlock VMID`."),
    (r"snapshot name '.*' already used", TakenError, "Take another name, or remove that snapshot."),
    (r"snapshot '.*' needed by replication job", RefusedError, "Let that replication run once more, and repeat this."),
    (r"snapshot '.*' does not exist", InfrastructureError, "List what there is with `drillbook snapshot list`."),
    (r"snapshot feature is not available", RefusedError, "Move its disks to a storage with snapshots, or take a backup."),
    (r"could not activate storage|storage '.*' does not exist", ConfigurationError, "Correct the storage's name, or mount it on this node."),
    (r"storage '.*' is not online|connection check for storage", InfrastructureError, "See that the storage's server answers this node."),
    (r"storage '.*' is disabled", ConfigurationError, "Enable that storage, or name another."),
    (r"protection mode enabled", RefusedError, "Somebody set its option `protection`: it is not removed while that is there."),
    (r"(can't|cannot) remove .*protected|volume .* is protected", RefusedError, "It was protected on purpose; take the protection away first."),
    (r"number of protected backups per guest is limited", RefusedError, "Unprotect an older one, or raise max-protected-backups of the storage."),
    (r"No space left on device|write error", InfrastructureError, "The storage is full: prune, or make it larger."),
    (r"wrong content type|does not support content", ConfigurationError, "Name a storage that takes this content, or allow it there."),
    (r"checksum mismatch|detected modified configuration", InfrastructureError, "Somebody changed it meanwhile: look, and run again."),
    (r"/etc/pve/.*Permission denied|cluster not ready - no quorum", InfrastructureError, "The cluster has no quorum: bring its nodes back first."),
    (r"can't lock file|got lock timeout|guest migration lock", InfrastructureError, "Another call holds its configuration: run again when that is done."),
    (r"guest agent is not running|agent not running", UnreachedError, "Start qemu-guest-agent in the guest, or leave this machine out."),
    (r"'guest-.*' failed - got timeout", InfrastructureError, "See the guest agent's log; restart it there."),
    (r"No QEMU guest agent configured", ConfigurationError, "Set agent=1 for this machine."),
    (r"already exists on node|config file already exists", TakenError, "That number is taken: nothing was written over it."),
    (r"VM \d+ is not running|VM is not running", UnreachedError, "Start it first."),
    (r"interrupted by signal|received interrupt", InfrastructureError, "Somebody stopped the task; see who in the node's task list."),
    (r"can't rollback, .* is not most recent|not most recent snapshot", RefusedError, "This storage goes back to the newest snapshot only: remove newer ones."),
    (r"Configuration file '.*' does not exist", ConfigurationError, "There is no such machine on that node any more: look where it went."),
    (r"unable to find VM '\d+'", ConfigurationError, "There is no such machine on that node any more."),
    (r"pool '.*' does not exist", ConfigurationError, "Correct the pool's name, or make it: `pveum pool add NAME`."),
    (r"Permission check failed", ConfigurationError, _MAY_NOT),
    (r"hostname lookup '.*' failed", ConfigurationError, "There is no such node: correct the inventory. One that is off is called so, too: bring it back."),
    (r"cloudinit.*(already exists|File exists)", InfrastructureError, "A gone machine left it. As root: `pvesm free STORAGE:VOLUME`, and run this again."),
    (r"start worker failed", InfrastructureError, "Run it again. If it left a number with `lock: create`, as root: `qm unlock VMID; qm destroy VMID`."),
)  # fmt: skip
_UNKNOWN = "See the node's task log and journal."


def from_text(text: str, where: str) -> DrillbookError:
    """Return the error for a task's exit status or for the reason of a 500."""
    for pattern, kind, remedy in _KNOWN:
        if re.search(pattern, text):
            return kind(text, where=where, remedy=remedy)
    return InfrastructureError(text, where=where, remedy=_UNKNOWN)


def from_answer(status: int, reason: str, errors: Mapping[str, str] | None, where: str) -> DrillbookError:
    """Return the error for an HTTP answer that is none of success."""
    text = reason.strip()
    if status == 400:
        fields = "; ".join(f"{name}: {' '.join(message.split())}" for name, message in (errors or {}).items())
        return ConfigurationError(
            f"Proxmox VE refuses a parameter: {fields or text}", where=where, remedy="Correct the inventory."
        )
    if status == 401:
        return ConfigurationError(
            f"Proxmox VE does not accept the token: {text}",
            where=where,
            remedy="Give a token that exists and has not expired (drillbook_providers, tokens_directory).",
        )
    if status == 403:
        remedy = next((told for pattern, _kind, told in _KNOWN if re.search(pattern, text)), _MAY_NOT)
        return ConfigurationError(f"the token may not do that: {text}", where=where, remedy=remedy)
    if status == 501:
        return _not_taken(text, where)
    if status in (595, 596):
        return InfrastructureError(
            f"the node does not answer ({status} {text})",
            where=where,
            remedy="See that the node is up and its certificate belongs to the cluster.",
        )
    return from_text(text or f"HTTP {status}", where)


def _not_taken(text: str, where: str) -> DrillbookError:
    """A call that pveproxy does not know, or one that it does not read to its end."""
    if "too large" in text:
        return ConfigurationError(
            f"this call is larger than Proxmox VE takes (64 KiB): {text}", where=where, remedy="Report this defect."
        )
    return ConfigurationError(
        f"this Proxmox VE does not know the call: {text}", where=where, remedy="Version 8.4 or newer is needed."
    )
