"""Snapshots of Proxmox VE guests."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import ConfigurationError, DrillbookError, InfrastructureError, UnreachedError
from drillbook.model import Machine, Power, Quiesce, Snapshot
from drillbook.providers.proxmox.api import ProxmoxApi
from drillbook.providers.proxmox.inside import ProxmoxInside
from drillbook.providers.proxmox.machines import ProxmoxMachines, base, is_container, power_of, vmid
from drillbook.providers.proxmox.tasks import Tasks
from drillbook.providers.waiting import wait_until

_NOW = "current"
"""Proxmox VE lists the present state under this reserved name."""
_FROZEN_POLL = timedelta(seconds=0.2)


class ProxmoxSnapshots(ProxmoxMachines):
    """Implements `Snapshots`, `Freezing` and `PowerReading`. With a guest agent Proxmox VE freezes each guest for its own snapshot, too."""

    def __init__(self, api: ProxmoxApi, clock: Clock) -> None:
        super().__init__(api)
        self._clock = clock
        self._tasks = Tasks(api, clock)
        self._inside = ProxmoxInside(api, clock)

    def refusal(self, machine: Machine, *, ram: bool, quiesce: Quiesce) -> str | None:  # noqa: ARG002 - freezing says it
        """One call: what Proxmox VE says of the storages of the guest's disks."""
        if machine.lock:
            return f"it is locked ({machine.lock})"
        if ram and is_container(machine):
            return "a container's memory can't be kept"
        if not self._api.get(f"{base(machine)}/feature", feature="snapshot").get("hasFeature"):
            return "a disk lies on a storage without snapshots, or in a format without them"
        return None

    def look_again(self, machine: Machine) -> Machine:
        """One call to its own node; raises InfrastructureError that names the node where that does not answer."""
        status = self._api.get(f"{base(machine)}/status/current")["status"]
        return replace(machine, power=power_of(status))

    def freeze(self, machine: Machine, timeout: timedelta) -> None:
        """By the guest agent; a container has none, and is frozen by Proxmox VE for its own snapshot."""
        if is_container(machine):
            return
        deadline = self._clock.monotonic() + timeout
        try:
            self._api.post(f"{base(machine)}/agent/fsfreeze-freeze")
        except ConfigurationError as error:  # it was refused, and not carried out
            raise UnreachedError(error.message, where=error.where, remedy=error.remedy) from error
        late = InfrastructureError(
            f"its file systems were not at rest after {timeout.total_seconds():.0f} s",
            where=machine.host,
            remedy="See the guest agent's log.",
        )
        wait_until(self._clock, lambda: self._frozen(machine), deadline=deadline, every=_FROZEN_POLL, late=late)

    def thaw(self, machine: Machine, timeout: timedelta) -> None:
        """Asked again until the guest says that it goes on: its clients wait. Raises ConfigurationError at once where asking may not help."""
        if is_container(machine):
            return
        still = InfrastructureError(
            f"its file systems are still frozen after {timeout.total_seconds():.0f} s",
            where=machine.host,
            remedy="See the guest agent's log; `fsfreeze --unfreeze` inside, or a reset, lets it go on.",
        )
        problem: DrillbookError | None = None

        def thawed() -> bool:
            nonlocal problem
            problem = None
            try:
                self._api.post(f"{base(machine)}/agent/fsfreeze-thaw")
                return not self._frozen(machine)
            except ConfigurationError:
                raise
            except DrillbookError as error:
                problem = error
                return False

        deadline = self._clock.monotonic() + timeout
        wait_until(self._clock, thawed, deadline=deadline, every=_FROZEN_POLL, late=lambda: problem or still)

    def take(self, machine: Machine, name: str, *, ram: bool, note: str, timeout: timedelta) -> None:
        """POST snapshot, and its task."""
        parameters: dict[str, Any] = {"snapname": name, "description": note}
        if ram and machine.power is Power.RUNNING:
            parameters["vmstate"] = 1
        self._run(machine, "snapshot", lambda: self._api.post(f"{base(machine)}/snapshot", **parameters), name, timeout)

    def snapshots(self, machine: Machine) -> tuple[Snapshot, ...]:
        """One call."""
        listed = self._api.get(f"{base(machine)}/snapshot")
        return tuple(_snapshot(machine, entry) for entry in listed if entry["name"] != _NOW)

    def remove(self, machine: Machine, name: str, timeout: timedelta) -> None:
        """DELETE, and its task; asked only where it is."""
        if any(snapshot.name == name for snapshot in self.snapshots(machine)):
            self._run(
                machine, "delsnapshot", lambda: self._api.delete(f"{base(machine)}/snapshot/{name}"), name, timeout
            )

    def go_back(self, machine: Machine, name: str, timeout: timedelta) -> None:
        """POST rollback, and its task; the configuration goes back with the disks."""
        self._run(
            machine, "rollback", lambda: self._api.post(f"{base(machine)}/snapshot/{name}/rollback"), name, timeout
        )

    def start(self, machine: Machine, timeout: timedelta) -> None:
        """Start it unless it runs; returns when it does."""
        self._inside.start(machine, timeout)

    def _frozen(self, machine: Machine) -> bool:
        """Whether it is; an agent that does not say leaves that unknown, for it may have frozen them before."""
        try:
            return bool(self._api.post(f"{base(machine)}/agent/fsfreeze-status")["result"] == "frozen")
        except UnreachedError as error:
            raise InfrastructureError(error.message, where=error.where, remedy=error.remedy) from error

    def _run(self, machine: Machine, verb: str, call: Callable[[], Any], name: str, timeout: timedelta) -> None:
        prefix = "vz" if is_container(machine) else "qm"
        self._tasks.run(
            call,
            node=machine.place,
            kind=f"{prefix}{verb}",
            vmid=vmid(machine),
            what=f"{machine.host} ({machine.identifier}): {verb} {name}",
            timeout=timeout,
        )


def _snapshot(machine: Machine, entry: Mapping[str, Any]) -> Snapshot:
    return Snapshot(
        host=machine.host,
        name=str(entry["name"]),
        taken_at=datetime.fromtimestamp(int(entry.get("snaptime") or 0), UTC),
        ram=bool(entry.get("vmstate")),
        note=str(entry.get("description") or "").strip(),
    )
