"""What a running pve-manager 9.0 said, each with an error of its own: exit code and remedy."""

import pytest

from drillbook.errors import (
    ConfigurationError,
    DrillbookError,
    InfrastructureError,
    LockedError,
    RefusedError,
    TakenError,
    UnreachedError,
)
from drillbook.providers.proxmox.errors import from_answer, from_text

TEXTS: dict[str, tuple[type[DrillbookError], str]] = {
    "VM is locked (backup)": (LockedError, "qm unlock"),
    "snapshot name 'live' already used": (TakenError, "another name"),
    "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout": (InfrastructureError, "Another call holds"),
    "VM 100 qmp command 'guest-ping' failed - got timeout": (InfrastructureError, "guest agent's log"),
    "VM quit/powerdown failed - got timeout": (InfrastructureError, "task log"),
    "snapshot 'none' does not exist": (InfrastructureError, "snapshot list"),
    "snapshot feature is not available": (RefusedError, "storage with snapshots"),
    "could not activate storage 'nope': storage 'nope' does not exist": (ConfigurationError, "storage's name"),
    "can't remove protected volume 'local:backup/x'": (RefusedError, "protected on purpose"),
    "cannot remove protected volume 'backup/vzdump-qemu-100' on 'nas'": (RefusedError, "protected on purpose"),
    "The number of protected backups per guest is limited to 5 on storage 'nas'": (RefusedError, "max-protected-backups"),
    "vma_queue_write: write error - No space left on device": (InfrastructureError, "full: prune"),
    "can't use storage 'thin' for backups - wrong content type": (ConfigurationError, "takes this content"),
    "checksum mismatch (file change by other user?)": (InfrastructureError, "changed it meanwhile"),
    "unable to open file '/etc/pve/nodes/a/qemu-server/1.conf.tmp.3' - Permission denied": (InfrastructureError, "quorum"),
    "QEMU guest agent is not running": (UnreachedError, "qemu-guest-agent"),
    "VM 301 is not running": (UnreachedError, "Start it"),
    "unable to restore VM 100 - VM 100 already exists on node 'pvelab'": (TakenError, "nothing was written over"),
    "interrupted by signal": (InfrastructureError, "stopped the task"),
    "Configuration file 'nodes/pvelab/qemu-server/999.conf' does not exist": (ConfigurationError, "no such machine"),
    "Backup of VM 999 failed - unable to find VM '999'": (ConfigurationError, "no such machine"),
    "hostname lookup 'ghost' failed - failed to get address info": (ConfigurationError, "no such node"),
    "hostname lookup 'pve2' failed - failed to get address info for: pve2: Name or service not known": (ConfigurationError, "bring it back"),
    "Backup of VM 100 failed - Permission check failed (/vms/100, VM.Backup)": (ConfigurationError, "that privilege"),
    "Failed to obtain guest migration lock - replication running?": (InfrastructureError, "Another call holds"),
    "snapshot 'one' needed by replication job '100-0' - run replication first": (RefusedError, "replication run once more"),
    "storage 'nas' is not online": (InfrastructureError, "storage's server"),
    "connection check for storage 'nas' failed - timeout": (InfrastructureError, "storage's server"),
    "storage 'nas' is disabled": (ConfigurationError, "Enable that storage"),
    "can't remove VM 100 - protection mode enabled": (RefusedError, "option `protection`"),
    "pool 'shop' does not exist": (ConfigurationError, "pveum pool add"),
    "command 'zstd | vma extract' failed: disk image '/srv/images/132/vm-132-cloudinit.qcow2' already exists": (InfrastructureError, "pvesm free"),
    "zfs error: cannot create 'rpool/data/vm-132-cloudinit': dataset already exists": (InfrastructureError, "pvesm free"),
    "rbd create 'vm-132-cloudinit' error: rbd: create error: (17) File exists": (InfrastructureError, "pvesm free"),
    "got no worker upid - start worker failed": (InfrastructureError, "lock: create"),
    "something that nobody has seen yet": (InfrastructureError, "task log"),
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_each_text_has_its_own_error(text: str) -> None:
    kind, remedy = TEXTS[text]
    for error in (from_text(text, "task UPID:x"), from_answer(500, text, None, "pve1")):
        assert type(error) is kind
        assert (error.message, error.where != "") == (text, True)
        assert remedy in error.remedy


@pytest.mark.parametrize(
    ("status", "reason", "kind", "words"),
    [
        (400, "Parameter verification failed.", ConfigurationError, "snapname: invalid format"),
        (401, "invalid token value!", ConfigurationError, "does not accept the token"),
        (403, "Permission check failed (/vms/100, VM.Snapshot)", ConfigurationError, "VM.Snapshot"),
        (403, "Permission check failed (pool 'production' does not exist)", ConfigurationError, "pveum pool add"),
        (501, "for data too large", ConfigurationError, "larger than Proxmox VE takes"),
        (501, "Method 'GET /nope' not implemented", ConfigurationError, "does not know the call"),
        (596, "tls_process_server_certificate: certificate verify failed", InfrastructureError, "does not answer"),
        (595, "No route to host", InfrastructureError, "does not answer"),
    ],
)
def test_each_status_has_its_own_error(status: int, reason: str, kind: type[DrillbookError], words: str) -> None:
    errors = {"snapname": "invalid format - invalid configuration ID 'x'\n"} if status == 400 else None
    error = from_answer(status, reason, errors, "pve1:8006, GET /nope")
    assert type(error) is kind
    assert words in str(error)
