"""A guest of Proxmox VE from inside, by its agent, and its power."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import DrillbookError, InfrastructureError
from drillbook.model import GuestAnswer, Machine
from drillbook.providers.proxmox.api import ProxmoxApi
from drillbook.providers.proxmox.machines import base, vmid
from drillbook.providers.proxmox.tasks import Tasks

_POLL = timedelta(seconds=0.5)
_SHELL = ("/bin/sh", "-s")
_MISSING = "No such file or directory"
# What a guest whose restore failed is left with: Proxmox VE keeps its number, and nothing else.
_OF_AN_EMPTY_GUEST = frozenset({"digest", "lock", "meta", "vmgenid", "smbios1"})


class Guests:
    """Starts and stops machines, and asks their agents."""

    def __init__(self, api: ProxmoxApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._tasks = Tasks(api, clock)

    def start(self, machine: Machine, timeout: timedelta) -> None:
        """Start it unless it runs."""
        if not self.runs(machine):
            self._power(machine, "start", timeout)

    def stop(self, machine: Machine, timeout: timedelta) -> None:
        """Switch it off unless it is off."""
        if self.runs(machine):
            self._power(machine, "stop", timeout)

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
        """Run a shell script inside; raises InfrastructureError when it has not ended within ``timeout``."""
        deadline = self._clock.monotonic() + timeout
        started = self._api.post(f"{base(machine)}/agent/exec", command=list(_SHELL), **{"input-data": script})
        while True:
            state = self._api.get(f"{base(machine)}/agent/exec-status", pid=started["pid"])
            if state["exited"]:
                return _answer(machine, state)
            if self._clock.monotonic() >= deadline:
                raise InfrastructureError(
                    f"a program inside did not end within {timeout.total_seconds():.0f} s",
                    where=f"{machine.host} ({machine.identifier})",
                    remedy="Look at the machine's console.",
                )
            self._clock.sleep(_POLL)

    def runs(self, machine: Machine) -> bool:
        """Whether it runs."""
        return bool(self._api.get(f"{base(machine)}/status/current")["status"] == "running")

    def _power(self, machine: Machine, verb: str, timeout: timedelta) -> None:
        self._tasks.run(
            lambda: self._api.post(f"{base(machine)}/status/{verb}"),
            node=machine.place,
            kind=f"qm{verb}",
            vmid=vmid(machine),
            what=f"{machine.host} ({machine.identifier}): {verb}",
            timeout=timeout,
        )


def is_empty(config: Mapping[str, Any]) -> bool:
    """Whether a guest's configuration says nothing: so a restore that failed leaves it."""
    return set(config) <= _OF_AN_EMPTY_GUEST


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
