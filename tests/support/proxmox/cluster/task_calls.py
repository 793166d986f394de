"""Tasks as a client asks after them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.proxmox.access.identity import parse_identity
from tests.support.proxmox.calls import Call, Reply, handles
from tests.support.proxmox.formats import split_list
from tests.support.proxmox.state import TaskRecord


def _own(call: Call, task: TaskRecord) -> bool:
    """A user owns the tasks of the user's tokens; a token owns its own only."""
    return task.user == call.who.full or (not call.who.token and parse_identity(task.user).user == call.who.user)


def _readable(call: Call, task: TaskRecord) -> bool:
    return _own(call, task) or call.may(f"/nodes/{task.node}", "Sys.Audit")


def _entry(task: TaskRecord) -> dict[str, Any]:
    identity = parse_identity(task.user)
    entry: dict[str, Any] = {
        "upid": task.upid,
        "node": task.node,
        "pid": task.pid,
        "pstart": task.pstart,
        "starttime": task.starttime,
        "type": task.kind,
        "id": task.subject,
        "user": identity.user,
    }
    if identity.token:  # the name of a token stands apart from its user's
        entry["tokenid"] = identity.token
    return entry if task.running else {**entry, "endtime": task.endtime, "status": task.exitstatus}


@handles("GET", "/nodes/{node}/tasks")
def list_tasks(call: Call) -> Any:
    """Return a node's tasks, newest first; finished ones only, unless `source` says otherwise."""
    source = call.get("source", "archive")
    found = [
        _entry(task) | ({"status": "RUNNING"} if task.running else {})
        for task in reversed(call.state.tasks.values())
        if task.node == call.node and _readable(call, task) and _of_source(task, source) and _wanted(call, task)
    ]
    start = int(call.get("start", 0))
    limit = int(call.get("limit", 50))
    return Reply(found[start : start + limit] if limit else found[start:], {"total": len(found)})


def _of_source(task: TaskRecord, source: str) -> bool:
    return source == "all" or (source == "active") == task.running


def _wanted(call: Call, task: TaskRecord) -> bool:
    tests: dict[str, Callable[[Any], bool]] = {
        "typefilter": lambda value: task.kind == value,
        "vmid": lambda value: task.subject == str(value),
        "userfilter": lambda value: str(value) in task.user,
        "since": lambda value: task.starttime >= value,
        "until": lambda value: task.starttime <= value,
        "errors": lambda value: not value or _verdict(task) == "error",
        "statusfilter": lambda value: _verdict(task) in [entry.lower() for entry in split_list(value)],
    }
    return all(test(call.get(name)) for name, test in tests.items() if call.get(name) is not None)


def _verdict(task: TaskRecord) -> str:
    if task.running:
        return "unknown"
    if task.exitstatus == "OK":
        return "ok"
    return "warning" if task.exitstatus.startswith("WARNINGS: ") else "error"


@handles("GET", "/cluster/tasks")
def list_cluster_tasks(call: Call) -> Any:
    """Return the newest tasks of all nodes, running ones included."""
    newest = [task for task in reversed(call.state.tasks.values()) if _readable(call, task)][:100]
    kept = ("pid", "pstart")
    return [
        {key: value for key, value in _entry(task).items() if key not in kept}
        | ({} if task.running else {"saved": "1"})
        for task in newest
    ]


def _find(call: Call) -> TaskRecord:
    task = call.engine.tasks.find(str(call.get("upid")))
    if not _own(call, task):
        call.need(f"/nodes/{task.node}", "Sys.Audit")
    return task


@handles("GET", "/nodes/{node}/tasks/{upid}")
def task_index(call: Call) -> Any:
    """Return what stands below a task."""
    _find(call)
    return [{"name": "log"}, {"name": "status"}]


@handles("GET", "/nodes/{node}/tasks/{upid}/status")
def task_status(call: Call) -> Any:
    """Return a task's state; how it ended is known only when it has stopped."""
    task = _find(call)
    entry = {key: value for key, value in _entry(task).items() if key != "endtime"}
    return entry | ({"status": "running"} if task.running else {"status": "stopped", "exitstatus": task.exitstatus})


@handles("GET", "/nodes/{node}/tasks/{upid}/log")
def task_log(call: Call) -> Any:
    """Return a part of a task's log: 50 lines, unless the call says how many; 0 stands for all."""
    lines = _find(call).log
    start, limit = int(call.get("start", 0)), int(call.get("limit", 50))
    part = lines[start : start + limit] if limit else lines[start:]
    shown = [{"n": number, "t": text} for number, text in enumerate(part, start + 1)]
    return Reply(shown or [{"n": 1, "t": "no content"}], {"total": len(lines)})


@handles("DELETE", "/nodes/{node}/tasks/{upid}")
def stop_task(call: Call) -> None:
    """Stop a task."""
    task = call.engine.tasks.find(str(call.get("upid")))
    if not _own(call, task):
        call.need(f"/nodes/{task.node}", "Sys.Modify")
    call.engine.tasks.stop(task.upid)
