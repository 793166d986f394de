"""Sandbox hosts on Proxmox VE: clones of a template in the drill range, on the isolated bridge before they are started."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from drillbook.clock import Clock
from drillbook.errors import ConfigurationError, DrillbookError, InfrastructureError, RefusedError
from drillbook.model import Claim, Login, Machine, Power, SandboxHost
from drillbook.providers.cloud_init import RESULT, errors_in, read_public_key
from drillbook.providers.host_keys import HOST_KEY, read_host_key
from drillbook.providers.proxmox.api import ProxmoxApi
from drillbook.providers.proxmox.claims import number_of
from drillbook.providers.proxmox.drill_machines import ProxmoxDrillMachines, mark_of, run_tag
from drillbook.providers.proxmox.escapes import escapes_in
from drillbook.providers.proxmox.limits import find_overreach_beside
from drillbook.providers.proxmox.machines import base
from drillbook.providers.proxmox.place import ProxmoxDrillRange, ProxmoxSandboxTemplate
from drillbook.providers.waiting import wait_until

_POLL = timedelta(seconds=0.5)
_GIBIBYTE = 1 << 30
_CARD = re.compile(r"^(?:net|ipconfig)(\d+)$")
_BRIDGE = re.compile(r"(?:^|,)bridge=([^,]+)")
_SIZE = re.compile(r"(?:^|,)size=(\d+(?:\.\d+)?)([KMGT]?)(?:,|$)")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class ProxmoxSandboxes(ProxmoxDrillMachines):
    """Implements `Sandboxes`.

    The clone takes the number, and a clone can't be given a tag: its name and its description are the run's mark until the tag is set.
    """

    def __init__(
        self, api: ProxmoxApi, provider: str, drill: ProxmoxDrillRange, sandboxes: ProxmoxSandboxTemplate, clock: Clock
    ) -> None:
        super().__init__(api, provider, drill, clock)
        self._sandboxes = sandboxes

    def make(self, claim: Claim, sandbox: SandboxHost, timeout: timedelta) -> Machine:
        """Clone the template, tell cloud-init who it is, put its card where the drill is, read that back, start it."""
        number = number_of(claim, self._provider, self._drill)
        deadline = self._clock.monotonic() + timeout
        if not sandbox.address:
            raise ConfigurationError(
                f"the inventory says no address of {sandbox.host}",
                where=f"host {sandbox.host}",
                remedy="Give it ansible_host, as a literal address in the drill's network.",
            )
        key = read_public_key(self._sandboxes.public_key_file, self._provider)
        self._refuse_held(claim, number)
        self._clone(claim, number, deadline)
        machine = Machine(claim.host, claim.identifier, self._drill.node, Power.STOPPED)
        self._configure(claim, machine, sandbox, key, deadline)
        if sandbox.disk_bytes:
            self._grow(claim, machine, sandbox.disk_bytes, deadline)
        self._refuse_a_way_out(machine)
        # Whoever cloned at the same time had no name yet.
        self._refuse_held(claim, number)
        self.start(machine, deadline - self._clock.monotonic())
        return Machine(claim.host, claim.identifier, self._drill.node, Power.RUNNING)

    def reach(self, machine: Machine, timeout: timedelta) -> Login:
        """Wait until its agent answers and cloud-init is done; read its host key by the agent, before the first login."""
        deadline = self._clock.monotonic() + timeout
        late = InfrastructureError(
            f"cloud-init was not done within {timeout.total_seconds():.0f} s",
            where=f"{machine.host} ({machine.identifier})",
            remedy="See its console, and what its template lacks: cloud-init, qemu-guest-agent, a cloud-init drive.",
        )
        result = wait_until(self._clock, lambda: self._read(machine, RESULT), deadline=deadline, every=_POLL, late=late)
        errors = errors_in(result)
        if errors:
            raise InfrastructureError(
                f"cloud-init failed: {'; '.join(errors)}",
                where=f"{machine.host} ({machine.identifier})",
                remedy="Correct what it was told (drillbook_providers.drill.sandboxes), or the template.",
            )
        key = wait_until(self._clock, lambda: self._read(machine, HOST_KEY), deadline=deadline, every=_POLL, late=late)
        return Login(
            {"ansible_user": self._sandboxes.user}, read_host_key(key, f"{machine.host} ({machine.identifier})")
        )

    def separate(self) -> bool:
        """Yes: a token."""
        return True

    def overreach(self, hosts: Sequence[str]) -> str | None:  # noqa: ARG002 - it sees no machine of production
        """What the drill's token could do beyond its range and to the template: stated by Proxmox VE, and tried without effect."""
        return find_overreach_beside(self._api, self._drill, self._sandboxes.template, self._sandboxes.node)

    def _refuse_held(self, claim: Claim, number: int) -> None:
        """One host of a name at a time, whichever controller's: its address is one."""
        for other, config in self._others(number):
            if config.get("name") == _name_of(claim.host):
                raise InfrastructureError(
                    f"the sandbox {claim.host} is held by {_holder(config)}",
                    where=f"qemu/{other} at {self._provider}",
                    remedy="Wait until that run is done. If it is dead, remove what it left: drillbook drill clean.",
                )

    def _others(self, number: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """The other guests of the drill's pool and range, with their configurations; one that goes meanwhile is none."""
        for other, node in sorted(self._members().items()):
            if other == number or not self._drill.first_vmid <= other <= self._drill.last_vmid:
                continue
            try:
                yield other, self._api.get(f"/nodes/{node}/qemu/{other}/config")
            except DrillbookError:
                if other in self._members():
                    raise

    def _clone(self, claim: Claim, number: int, deadline: timedelta) -> None:
        template, node = self._sandboxes.template, self._sandboxes.node
        asked: dict[str, Any] = {
            "newid": number,
            "name": _name_of(claim.host),
            "description": mark_of(claim.run_id),
            "pool": self._drill.pool,
            "storage": self._drill.storage,
            "full": 1,
        }
        if node != self._drill.node:
            asked["target"] = self._drill.node
        self._tasks.run(
            lambda: self._api.post(f"/nodes/{node}/qemu/{template}/clone", **asked),
            node=node,
            kind="qmclone",
            vmid=str(template),
            what=f"{claim.host} ({claim.identifier}): cloning template {template}",
            timeout=deadline - self._clock.monotonic(),
        )

    def _configure(self, claim: Claim, machine: Machine, sandbox: SandboxHost, key: str, deadline: timedelta) -> None:
        """One call. Cards of the template go, and with them what leads elsewhere; packages are those of the template."""
        config: Mapping[str, Any] = self._api.get(f"{base(machine)}/config")
        address = f"ip={sandbox.address}/{self._sandboxes.prefix_length}"
        asked: dict[str, Any] = {
            "tags": run_tag(claim.run_id),
            "net0": f"virtio,bridge={self._drill.bridge}",
            "ipconfig0": f"{address},gw={self._sandboxes.gateway}" if self._sandboxes.gateway else address,
            "ciuser": self._sandboxes.user,
            "sshkeys": quote(key, safe=""),
            "ciupgrade": 0,
            "onboot": 0,
        }
        others = [name for name in sorted(config) if (found := _CARD.match(name)) and found[1] != "0"]
        if others:
            asked["delete"] = ",".join(others)
        if self._sandboxes.nameserver:
            asked["nameserver"] = self._sandboxes.nameserver
        self._tasks.run(
            lambda: self._api.post(f"{base(machine)}/config", **asked),
            node=machine.place,
            kind="qmconfig",
            vmid=str(number_of(claim, self._provider, self._drill)),
            what=f"{machine.host} ({machine.identifier}): configuring it",
            timeout=deadline - self._clock.monotonic(),
        )

    def _grow(self, claim: Claim, machine: Machine, wanted: int, deadline: timedelta) -> None:
        """Make the disk that it starts from at least so large; cloud-init has the file system follow."""
        config: Mapping[str, Any] = self._api.get(f"{base(machine)}/config")
        disk = _boot_disk(config)
        if disk is None:
            raise ConfigurationError(
                "nothing says which disk it starts from",
                where=f"{machine.host} ({machine.identifier})",
                remedy="Give the template a boot order that begins with its disk: qm set VMID --boot order=scsi0.",
            )
        if _size_of(str(config[disk])) >= wanted:
            return
        self._tasks.run(
            lambda: self._api.put(f"{base(machine)}/resize", disk=disk, size=f"{-(-wanted // _GIBIBYTE)}G"),
            node=machine.place,
            kind="resize",
            vmid=str(number_of(claim, self._provider, self._drill)),
            what=f"{machine.host} ({machine.identifier}): growing {disk}",
            timeout=deadline - self._clock.monotonic(),
        )

    def _refuse_a_way_out(self, machine: Machine) -> None:
        """Read back before the start: each card on the isolated bridge, and nothing that acts on the node or leads around it."""
        config: Mapping[str, Any] = self._api.get(f"{base(machine)}/config")
        cards = {key: str(line) for key, line in config.items() if re.fullmatch(r"net\d+", key)}
        elsewhere = [
            key for key, line in cards.items() if not (on := _BRIDGE.search(line)) or on[1] != self._drill.bridge
        ]
        found = [*elsewhere, *escapes_in(config)]
        if found or not cards:
            raise RefusedError(
                f"it would not be isolated: {', '.join(found) or 'it has no network card'}",
                where=f"{machine.host} ({machine.identifier})",
                remedy="Take that out of the template; the machine was not started, and is removed.",
            )

    def _read(self, machine: Machine, path: str) -> str | None:
        try:
            return self.read(machine, path)
        except InfrastructureError:
            return None  # its agent does not answer yet


def _name_of(host: str) -> str:
    return f"drill-{host}"


def _holder(config: Mapping[str, Any]) -> str:
    """The run in its description, as `mark_of` writes it."""
    described = str(config.get("description") or "").strip()
    run = described.removeprefix(mark_of(""))
    return f"run {run}" if run != described else "another guest of its name"


def _boot_disk(config: Mapping[str, Any]) -> str | None:
    """The first disk of the boot order; drives of other media are none."""
    order = re.search(r"order=([^,]*)", str(config.get("boot") or ""))
    names = order[1].split(";") if order else []
    return next(
        (name for name in names if _SIZE.search(str(config.get(name, ""))) and "media=cdrom" not in str(config[name])),
        None,
    )


def _size_of(line: str) -> float:
    found = _SIZE.search(line)
    return float(found[1]) * _UNITS[found[2]] if found else 0.0
