"""Proxmox VE's tasks: what every long call starts, and where most errors appear. HTTP 200 means only that one was started."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from threading import Lock
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import ConfigurationError, InfrastructureError, MalformedDataError, UnknownOutcomeError
from drillbook.providers.proxmox.api import ProxmoxApi
from drillbook.providers.proxmox.errors import from_text
from drillbook.providers.proxmox.upid import Upid
from drillbook.providers.waiting import wait_until

FIRST_POLL = timedelta(seconds=0.25)
SLOWEST_POLL = timedelta(seconds=5)
TASK_APPEARS = timedelta(seconds=15)
"""How long a task may take to appear in the node's list after its call was cut off."""
_LOG_LINES = 500
_KNOWN = 500
_SHOWN = 100


class Tasks:
    """Starts tasks and waits for them."""

    def __init__(self, api: ProxmoxApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._known: dict[str, frozenset[str]] = {}
        self._ours: set[str] = set()
        self._lock = Lock()

    def run(
        self, call: Callable[[], Any], *, node: str, kind: str, vmid: str, what: str, timeout: timedelta
    ) -> tuple[str, ...]:
        """Make a call that starts a task of ``kind`` (qmsnapshot, vzdump ...) and wait for its end; returns its warnings.

        A call that was cut off is never made again: its task is looked for in the node's list.
        Raises what the task says, or InfrastructureError when it is not done within ``timeout``.
        """
        began = self._clock.monotonic()
        upid = self.begin(call, node=node, kind=kind, vmid=vmid)
        return self.wait(upid, what=what, timeout=timeout - (self._clock.monotonic() - began))

    def begin(self, call: Callable[[], Any], *, node: str, kind: str, vmid: str) -> str:
        """As `run`, without waiting: returns the task's UPID."""
        self._remember(node)
        try:
            upid = _name_of_task(call(), f"node {node}, {kind} of {vmid}")
        except UnknownOutcomeError as error:
            upid = self._look_up(error, node=node, kind=kind, vmid=vmid)
        with self._lock:
            self._ours.add(upid)
        return upid

    def ended(self, upid: str) -> bool:
        """Whether a task has ended, well or not; an answer that does not come says no."""
        status = self._status(Upid.parse(upid).node, upid)
        return status is not None and status.get("status") == "stopped"

    def wait(self, upid: str, *, what: str, timeout: timedelta) -> tuple[str, ...]:
        """Wait for the end of a task; returns its warnings. An answer that does not come is unknown, not a failure."""
        node = Upid.parse(upid).node
        deadline = self._clock.monotonic() + timeout
        silent = False

        def ended() -> Mapping[str, Any] | None:
            nonlocal silent
            status = self._status(node, upid)
            silent = status is None
            return status if status is not None and status.get("status") == "stopped" else None

        def late() -> InfrastructureError:
            return InfrastructureError(
                f"{what} was not done after {timeout.total_seconds():.0f} s"
                + (", and the node does not say how far it is" if silent else ""),
                where=f"task {upid}",
                remedy="It goes on without us: look at the task, and stop it there if it hangs.",
            )

        status = wait_until(self._clock, ended, deadline=deadline, every=FIRST_POLL, late=late, slowest=SLOWEST_POLL)
        return self._judge(str(status.get("exitstatus", "")), node, upid, what)

    def stop_own(self, node: str, vmid: str) -> bool:
        """Have our own tasks about a guest ended that still run; True where there was one. Each is told so once in a call."""
        mine = self.own(node, vmid=int(vmid))
        for upid in mine:
            self._api.delete(f"/nodes/{node}/tasks/{upid}")
        return bool(mine)

    def own(self, node: str, **about: Any) -> list[str]:
        """Our own tasks of a node that still run. ``about`` narrows the call."""
        return [upid for upid in running_tasks(self._api, node, **about) if Upid.parse(upid).user == self._api.user]

    def _status(self, node: str, upid: str) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = self._api.get(f"/nodes/{node}/tasks/{upid}/status")
        except ConfigurationError:
            raise
        except InfrastructureError:
            return None
        return found

    def _judge(self, exit_status: str, node: str, upid: str, what: str) -> tuple[str, ...]:
        if exit_status == "OK":
            return ()
        lines = [
            str(line.get("t", ""))
            for line in self._api.get(f"/nodes/{node}/tasks/{upid}/log", limit=_LOG_LINES, start=0)
        ]
        if exit_status.startswith("WARNINGS:"):
            return tuple(line for line in lines if line.upper().startswith("WARN"))
        if exit_status == "job errors":
            errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
            exit_status = errors[0] if errors else exit_status
        raise from_text(exit_status, f"{what}, task {upid}")

    def _remember(self, node: str) -> None:
        """Note, once, which tasks a node had before we asked it for any: none of them is ours, whatever the clocks say."""
        with self._lock:
            if node not in self._known:
                listed = self._api.get(f"/nodes/{node}/tasks", source="all", limit=_KNOWN)
                self._known[node] = frozenset(str(task["upid"]) for task in listed)

    def _look_up(self, error: UnknownOutcomeError, *, node: str, kind: str, vmid: str) -> str:
        """Find the task that a call which was cut off has started, if it did; raises ``error`` if there is none."""
        return wait_until(
            self._clock,
            lambda: self._new_task(node=node, kind=kind, vmid=vmid),
            deadline=self._clock.monotonic() + TASK_APPEARS,
            every=FIRST_POLL * 4,
            late=error,
        )

    def _new_task(self, *, node: str, kind: str, vmid: str) -> str | None:
        """The newest such task of our token, unless it is one that we know; None while the node does not answer."""
        try:
            listed = self._api.get(f"/nodes/{node}/tasks", vmid=int(vmid), typefilter=kind, source="all", limit=_KNOWN)
        except ConfigurationError:
            raise
        except InfrastructureError:
            return None
        upids = [upid for task in listed if Upid.parse(upid := str(task["upid"])).user == self._api.user]
        newest = max(upids, key=lambda upid: Upid.parse(upid).started_at, default=None)
        with self._lock:
            return None if newest is None or newest in self._known[node] | self._ours else newest


def _name_of_task(answer: object, where: str) -> str:
    """Its UPID; raises UnknownOutcomeError for anything else, as what was asked for may be under way."""
    try:
        Upid.parse(str(answer))
    except MalformedDataError as error:
        raise UnknownOutcomeError(
            f"the answer names no task ({str(answer)[:_SHOWN]!r}); what was asked for may have been done",
            where=where,
            remedy="Look at the node's task list before you ask again.",
        ) from error
    return str(answer)


def running_tasks(api: ProxmoxApi, node: str, **about: Any) -> list[str]:
    """The UPIDs of a node's tasks that have not ended: our own, and others' with Sys.Audit. ``about`` narrows the call."""
    listed = api.get(f"/nodes/{node}/tasks", source="active", limit=_KNOWN, **about)
    return [str(task["upid"]) for task in listed if not task.get("endtime")]
