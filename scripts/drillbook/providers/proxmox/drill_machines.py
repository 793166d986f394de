"""The guests of a drill range on Proxmox VE: their numbers, what tells them from others' guests, and their removal."""

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import ConfigurationError, DrillbookError, InfrastructureError, RefusedError
from drillbook.model import Claim, Machine, Power
from drillbook.providers.proxmox.api import ProxmoxApi
from drillbook.providers.proxmox.claims import number_of
from drillbook.providers.proxmox.inside import ProxmoxInside, is_empty, is_half_restored
from drillbook.providers.proxmox.machines import base, vmid
from drillbook.providers.proxmox.place import ProxmoxDrillRange
from drillbook.providers.waiting import wait_until

_UNUSED = re.compile(r"^unused\d+$")
_POLL = timedelta(seconds=0.5)
_STORAGE_AWAY = re.compile(r"storage '.*' is not online|activate storage")


class ProxmoxDrillMachines(ProxmoxInside):
    """Implements `DrillMachines`. A claim's identifier is ``qemu/9000``; number, pool and the tag of the run are the drill's."""

    def __init__(self, api: ProxmoxApi, provider: str, drill: ProxmoxDrillRange, clock: Clock) -> None:
        super().__init__(api, clock)
        self._provider = provider
        self._drill = drill

    def claim(self, host: str, run_id: str, taken: Collection[str]) -> Claim:
        """Choose the lowest number of the range that nobody has; one call for each number that is tried."""
        for number in range(self._drill.first_vmid, self._drill.last_vmid + 1):
            identifier = f"qemu/{number}"
            if identifier not in taken and self._free(number):
                return Claim(self._provider, host, identifier, run_id)
        raise RefusedError(
            f"no number from {self._drill.first_vmid} to {self._drill.last_vmid} is free",
            where=f"drill range of {self._provider}",
            remedy="Run `drillbook drill clean`, or widen the range (drillbook_providers.drill).",
        )

    def destroy(self, claim: Claim, timeout: timedelta) -> None:
        """Wait for the end of what holds it, stop it, remove it; each of number, pool and tag is looked at first.

        A restore gives the machine every disk of its number that it finds on any storage, as unusedN, and with the machine they would go: one
        that is not on the drill's own storage may be of another cluster that shares it, and leaves the machine where it is. What a restore
        that did not end has made is in no configuration: only then are the node's storages searched for disks of the number.
        """
        number = number_of(claim, self._provider, self._drill)
        deadline = self._clock.monotonic() + timeout
        config = self._unlocked(claim, number, deadline)
        if config is None:
            return
        self._refuse_foreign(claim, number, config)
        machine = Machine(claim.host, claim.identifier, self._drill.node, Power.RUNNING)
        self.stop(machine, deadline - self._clock.monotonic())
        self._refuse_found_disks(claim, config)
        try:
            self._remove(machine, deadline, {"destroy-unreferenced-disks": 1} if is_half_restored(config) else {})
        except DrillbookError as error:
            # The search needs all storages of the node; without it the machine goes at least.
            if not _STORAGE_AWAY.search(error.message):
                raise
            self._remove(machine, deadline, {})

    def _refuse_found_disks(self, claim: Claim, config: Mapping[str, Any]) -> None:
        found = {key: str(line) for key, line in sorted(config.items()) if _UNUSED.match(key)}
        foreign = {key: line for key, line in found.items() if line.partition(":")[0] != self._drill.storage}
        if foreign:
            raise RefusedError(
                f"its restore found disks of its number that may not be the drill's ({', '.join(foreign.values())}): "
                "it is switched off and left alone, for they would be removed with it",
                where=f"{claim.provider}, {claim.identifier}",
                remedy=f"Keep the drill's numbers free in every cluster that shares a storage; as root take {', '.join(foreign)} out of "
                "its configuration's file, and run `drillbook drill clean`.",
            )

    def _remove(self, machine: Machine, deadline: timedelta, options: Mapping[str, int]) -> None:
        self._tasks.run(
            lambda: self._api.delete(base(machine), purge=1, **options),
            node=self._drill.node,
            kind="qmdestroy",
            vmid=vmid(machine),
            what=f"{machine.host} ({machine.identifier}): removing it",
            timeout=deadline - self._clock.monotonic(),
        )

    def _free(self, number: int) -> bool:
        try:
            self._api.get("/cluster/nextid", vmid=number)
        except ConfigurationError:
            return False
        return True

    def _unlocked(self, claim: Claim, number: int, deadline: timedelta) -> Mapping[str, Any] | None:
        """The guest's configuration once nothing holds it; None where there is no such guest.

        A task of ours that is still at it was left by whoever was killed: it is ended. While one makes the guest, the guest is
        in no pool yet; while one restores from a file, no lock of the configuration says so.
        """
        config: Mapping[str, Any] | None = None
        lock = ""

        def unlocked() -> bool:
            nonlocal config, lock
            busy = self._tasks.stop_own(self._drill.node, str(number)) or self._cloning()
            if number in self._members():
                config = dict(self._api.get(f"/nodes/{self._drill.node}/qemu/{number}/config"))
                lock = str(config.get("lock") or "") or ("by a task" if busy else "")
                return not lock
            config, lock = None, "create"
            if self._free(number):
                return True
            if not busy:
                raise self._outside(claim, number)
            return False

        def late() -> InfrastructureError:
            return InfrastructureError(
                f"{claim.identifier} is still locked ({lock})",
                where=f"{self._provider}, run {claim.run_id}",
                remedy="Wait for the task that holds it; a lock that a crash left is removed by `qm unlock VMID`.",
            )

        wait_until(self._clock, unlocked, deadline=deadline, every=_POLL, late=late)
        return config

    def _cloning(self) -> bool:
        """Whether our token clones the sandboxes' template: the task is the template's, and which number it makes it does not say.

        It is waited for, for it may be another run's.
        """
        if self._drill.sandboxes is None:
            return False
        found = self._tasks.own(self._drill.sandboxes.node, vmid=self._drill.sandboxes.template, typefilter="qmclone")
        return bool(found)

    def _members(self) -> Mapping[int, str]:
        """The pool's guests by number, each with its node."""
        pools = self._api.get("/pools", poolid=self._drill.pool)
        return {
            int(member["vmid"]): str(member["node"])
            for pool in pools
            for member in pool.get("members", ())
            if "vmid" in member
        }

    def _refuse_foreign(self, claim: Claim, number: int, config: Mapping[str, Any]) -> None:
        """A guest without the run's tag is another's, unless it has nothing at all: so a restore that failed leaves it."""
        tags = re.split(r"[;, ]+", str(config.get("tags") or ""))
        described = str(config.get("description") or "").strip() == mark_of(claim.run_id)
        if run_tag(claim.run_id) not in tags and not described and not is_empty(config):
            raise self._foreign(claim, f"{number} does not carry the tag {run_tag(claim.run_id)}")

    def _outside(self, claim: Claim, number: int) -> RefusedError:
        """A number that this run chose is in no pool: a creation that failed half way leaves that, and so does another's guest."""
        return RefusedError(
            f"{claim.identifier} is not in the pool {self._drill.pool}, so this drill may not even read it: left alone",
            where=f"{self._provider}, run {claim.run_id}",
            remedy=f"See `qm config {number}` as root. If it says no more than `lock: create`, a creation that failed left it: "
            f"`qm unlock {number}; qm destroy {number}`. Else it is another's: keep it out of the drill's range.",
        )

    def _foreign(self, claim: Claim, why: str) -> RefusedError:
        return RefusedError(
            f"{claim.identifier} is not this drill's, {why}: left alone",
            where=f"{self._provider}, run {claim.run_id}",
            remedy="Keep others' guests out of the drill's range and pool.",
        )


def mark_of(run_id: str) -> str:
    """A run's mark in a description: a clone has no tag of its own before it is configured."""
    return f"drillbook {run_id}"


def run_tag(run_id: str) -> str:
    """A run's tag; Proxmox VE takes lower case only."""
    return f"drillbook-{run_id.lower()}"
