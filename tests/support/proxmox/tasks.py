"""Workers: what a call starts runs on by itself, under a UPID."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.support.proxmox.access.identity import Identity
from tests.support.proxmox.errors import InterruptedTaskError, PveError, refuse_parameters
from tests.support.proxmox.faults import Faults
from tests.support.proxmox.state import State, TaskRecord

_UPID = re.compile(
    r"^UPID:(?P<node>[A-Za-z0-9][A-Za-z0-9-]*):(?P<pid>[0-9A-Fa-f]{8}):(?P<pstart>[0-9A-Fa-f]{8,9})"
    r":(?P<start>[0-9A-Fa-f]{8}):(?P<kind>[^:\s]+):(?P<subject>[^:\s]*):(?P<user>[^:\s]+):$"
)
INTERRUPTED = "interrupted by signal"
_FIRST_PID = 24000
_SHORT_STEP = 0.005


@dataclass(slots=True)
class Task:
    """A running worker's view of itself."""

    record: TaskRecord
    faults: Faults
    warnings: int = 0

    def log(self, *lines: str) -> None:
        """Write lines to the task's log."""
        self.record.log.extend(lines)

    def warn(self, line: str) -> None:
        """Write a warning; a task with warnings ends neither well nor badly."""
        self.warnings += 1
        self.record.log.append(f"WARN: {line}")

    async def work(self) -> None:
        """Take the time that the work takes, and meet the faults planned for it."""
        kind = self.record.kind
        deadline = time.monotonic() + self.faults.seconds(kind)
        await asyncio.sleep(0)
        while (left := deadline - time.monotonic()) > 0:
            await asyncio.sleep(min(left, _SHORT_STEP * 4))
        if self.faults.strikes(self.faults.abort, kind):
            raise InterruptedTaskError
        planned = self.faults.fail.get(kind) or self.faults.fail.get("*")
        if planned:
            raise PveError(planned.pop(0))
        if self.faults.strikes(self.faults.warn, kind):
            self.warn("planned by the test")


Work = Callable[[Task], Awaitable[None]]


@dataclass(slots=True)
class Tasks:
    """Starts, finds and stops workers."""

    state: State
    faults: Faults
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    booted: float = field(default_factory=time.monotonic)

    def start(self, node: str, kind: str, subject: str | int, who: Identity, work: Work) -> str:
        """Start a worker and return its UPID."""
        if self.faults.strikes(self.faults.no_worker, kind):
            raise PveError("got no worker upid - start worker failed")
        pid = _FIRST_PID + self.state.next_number()
        record = TaskRecord(
            upid="",
            node=node,
            kind=kind,
            subject=str(subject),
            user=who.full,
            pid=pid,
            pstart=190000 + int((time.monotonic() - self.booted) * 100),
            starttime=self.state.now(),
        )
        record.upid = f"UPID:{node}:{pid:08X}:{record.pstart:08X}:{record.starttime:08X}:{kind}:{subject}:{who.full}:"
        self.state.tasks[record.upid] = record
        self.running[record.upid] = asyncio.get_running_loop().create_task(self._run(record, work))
        return record.upid

    async def _run(self, record: TaskRecord, work: Work) -> None:
        task = Task(record, self.faults)
        try:
            await work(task)
        except PveError as error:
            ending = " ".join(error.message.split("\n")).strip()
            record.log.append(f"TASK ERROR: {ending}")
        except (InterruptedTaskError, asyncio.CancelledError):
            ending = INTERRUPTED
            record.log.append(f"TASK ERROR: {ending}")
        except Exception as error:
            ending = f"TEST SERVER FAILED: {error!r}"
            record.log.append(ending)
            self._end(record, ending)
            raise
        else:
            ending = f"WARNINGS: {task.warnings}" if task.warnings else "OK"
            record.log.append(f"TASK {ending}")
        self._end(record, ending)

    def _end(self, record: TaskRecord, ending: str) -> None:
        record.exitstatus = ending
        record.endtime = self.state.now()
        self.running.pop(record.upid, None)

    def find(self, upid: str) -> TaskRecord:
        """Return a task, or refuse the UPID as Proxmox VE does."""
        if not _UPID.match(upid):
            raise refuse_parameters(upid="unable to parse worker upid")
        record = self.state.tasks.get(upid)
        if record is None:
            raise refuse_parameters(upid="no such task")
        return record

    def stop(self, upid: str) -> None:
        """Signal a running worker."""
        worker = self.running.get(upid)
        if worker is not None:
            worker.cancel()

    def lock(self, name: str) -> asyncio.Lock:
        """Return a lock that workers wait for, such as the one of a node's backup jobs."""
        return self.locks.setdefault(name, asyncio.Lock())

    async def settle(self) -> None:
        """Wait until no worker runs."""
        while self.running:
            await asyncio.gather(*self.running.values(), return_exceptions=True)
