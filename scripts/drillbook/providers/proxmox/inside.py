"""A guest of Proxmox VE from inside, by its agent, and its power."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import DrillbookError, InfrastructureError
from drillbook.model import GuestAnswer, Machine
from drillbook.providers.proxmox.api import ProxmoxApi
from drillbook.providers.proxmox.machines import base, is_container, vmid
from drillbook.providers.proxmox.tasks import Tasks
from drillbook.providers.waiting import wait_until

_POLL = timedelta(seconds=0.5)
_SHELL = ("/bin/sh", "-s")
_MISSING = "No such file or directory"
_FORGOTTEN = re.compile(r"PID \d+ does not exist")
_SLOWEST_POLL = timedelta(seconds=5)
# What says nothing of whose a guest is.
_OF_AN_EMPTY_GUEST = frozenset({"digest", "lock", "meta", "vmgenid", "smbios1"})
# The one line of configuration that each restore of Proxmox VE begins with, and that one which failed leaves.
_OF_A_FAILED_RESTORE = ("memory", "128")


class ProxmoxInside:
    """Implements `Inside`: starts and stops machines, and asks their agents."""

    def __init__(self, api: ProxmoxApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._tasks = Tasks(api, clock)

    def start(self, machine: Machine, timeout: timedelta) -> None:
        """Start it unless it runs; returns when it does, whoever does it."""
        self._power(machine, "start", timeout, running=True)

    def stop(self, machine: Machine, timeout: timedelta) -> None:
        """Switch it off unless it is off; returns when it is, whoever does it."""
        self._power(machine, "stop", timeout, running=False)

    def answers(self, machine: Machine) -> bool:
        """Whether its agent answers now."""
        try:
            self._api.post(f"{base(machine)}/agent/ping")
        except InfrastructureError:
            return False
        return True

    def read(self, machine: Machine, path: str) -> str | None:
        """A small file inside; None where there is none."""
        try:
            return str(self._api.get(f"{base(machine)}/agent/file-read", file=path)["content"])
        except DrillbookError as error:
            if _MISSING in error.message:
                return None
            raise

    def run(self, machine: Machine, script: str, timeout: timedelta) -> GuestAnswer:
        """Run a shell script inside; raises InfrastructureError when it has not ended within ``timeout``.

        A busy agent answers no ping, and then Proxmox VE says that none runs: the program goes on all the same, so it is asked after
        again. That a program ended is told once; if that answer was lost nothing is known of it, which is an error at once.
        """
        deadline = self._clock.monotonic() + timeout
        started = self._api.post(f"{base(machine)}/agent/exec", command=list(_SHELL), **{"input-data": script})
        slow = InfrastructureError(
            f"a program inside did not end within {timeout.total_seconds():.0f} s",
            where=f"{machine.host} ({machine.identifier})",
            remedy="Look at the machine's console.",
        )
        problem: InfrastructureError | None = None

        def ended() -> dict[str, object] | None:
            nonlocal problem
            problem = None
            try:
                state: dict[str, object] = self._api.get(f"{base(machine)}/agent/exec-status", pid=started["pid"])
            except InfrastructureError as error:
                if _FORGOTTEN.search(error.message):
                    raise
                problem = error
                return None
            return state if state["exited"] else None

        state = wait_until(
            self._clock, ended, deadline=deadline, every=_POLL, late=lambda: problem or slow, slowest=_SLOWEST_POLL
        )
        return _answer(machine, state)

    def runs(self, machine: Machine) -> bool:
        """Whether it runs."""
        return _running(self._current(machine))

    def _current(self, machine: Machine) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._api.get(f"{base(machine)}/status/current")
        return found

    def _power(self, machine: Machine, verb: str, timeout: timedelta, *, running: bool) -> None:
        """Where high availability manages a guest the task only tells it what is wanted, and it acts seconds later."""
        now = self._current(machine)
        if _running(now) is running:
            return
        deadline = self._clock.monotonic() + timeout
        managed = bool((now.get("ha") or {}).get("managed"))
        doer = "ha" if managed else "vz" if is_container(machine) else "qm"
        self._tasks.run(
            lambda: self._api.post(f"{base(machine)}/status/{verb}"),
            node=machine.place,
            kind=f"{doer}{verb}",
            vmid=vmid(machine),
            what=f"{machine.host} ({machine.identifier}): {verb}",
            timeout=timeout,
        )
        late = InfrastructureError(
            f"it is still {'stopped' if running else 'running'} {timeout.total_seconds():.0f} s after its {verb} was asked for"
            + (", which high availability was to carry out" if managed else ""),
            where=f"{machine.host} ({machine.identifier})",
            remedy="See what `ha-manager status` says of it." if managed else "Look at its console and its task's log.",
        )
        wait_until(self._clock, lambda: self.runs(machine) is running, deadline=deadline, every=_POLL, late=late)


def is_empty(config: Mapping[str, Any]) -> bool:
    """Whether a guest's configuration says nothing: so a number that was only taken has it, and a restore that failed leaves it."""
    return not _said(config) or is_half_restored(config)


def is_half_restored(config: Mapping[str, Any]) -> bool:
    """Whether a restore began and did not end: then disks may be there that the configuration does not name."""
    return _said(config) == {_OF_A_FAILED_RESTORE}


def _said(config: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {(key, str(value)) for key, value in config.items() if key not in _OF_AN_EMPTY_GUEST}


def _running(current: Mapping[str, Any]) -> bool:
    return bool(current["status"] == "running")


def _answer(machine: Machine, state: dict[str, object]) -> GuestAnswer:
    if state.get("out-truncated"):
        raise InfrastructureError(
            "a program inside said more than the agent passes on",
            where=f"{machine.host} ({machine.identifier})",
            remedy="Report this defect.",
        )
    signal = state.get("signal")
    code = 128 + int(str(signal)) if signal is not None else int(str(state.get("exitcode", 0)))
    return GuestAnswer(code, str(state.get("out-data") or ""))
