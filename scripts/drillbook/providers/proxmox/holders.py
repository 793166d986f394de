"""Who holds a guest's lock. The lock itself says only what for; the task is found in its node's list."""

from drillbook.model import Machine
from drillbook.providers.proxmox.api import ProxmoxApi
from drillbook.providers.proxmox.tasks import running_tasks
from drillbook.providers.proxmox.upid import Upid

_SUSPENDED = "suspended"
_BACKUP, _BACKUP_TASK = "backup", "vzdump"
_CONSOLES = frozenset({"vncproxy", "termproxy", "spiceproxy"})
"""Tasks about a guest that never lock it."""


def holder_of(api: ProxmoxApi, machine: Machine) -> str:
    """Return one sentence; one call, which shows others' tasks to a token with Sys.Audit only."""
    kind, _, number = machine.identifier.partition("/")
    tool = "pct" if kind == "lxc" else "qm"
    if machine.lock == _SUSPENDED:
        return f"it is suspended to disk, which ends with `{tool} resume {number}`"
    running = running_tasks(api, machine.place)
    read = {upid: Upid.parse(upid) for upid in running}
    own = [upid for upid, task in read.items() if task.guest == number and task.kind not in _CONSOLES]
    jobs = [upid for upid, task in read.items() if task.kind == _BACKUP_TASK and not task.guest]
    if own:
        return f"held by {' and '.join(map(_told, own))}"
    if jobs and machine.lock == _BACKUP:
        return f"probably held by {' or '.join(map(_told, jobs))}, which backs up several"
    return (
        f"{api.user} sees no task on {machine.place} that holds it (others' need Sys.Audit there); if the node's task list "
        f"has none, a crash left the lock: `{tool} unlock {number}` on {machine.place}"
    )


def _told(upid: str) -> str:
    task = Upid.parse(upid)
    return f"{task.kind} of {task.user} (task {upid})"
