"""Sandbox hosts: containers made like their template, which stands stopped among the lab's containers."""

import socket
from datetime import timedelta

from drillbook.clock import Clock
from drillbook.errors import ConfigurationError, InfrastructureError
from drillbook.model import Claim, Login, Machine, Power, SandboxHost
from drillbook.providers.lab.copies import networks_of
from drillbook.providers.lab.drill_machines import RUN_LABEL, LabDrillMachines
from drillbook.providers.lab.machines import DRILL_LABEL, TEMPLATE
from drillbook.providers.lab.place import LabDrillRange
from drillbook.providers.lab.podman import HOST_LABEL, Podman
from drillbook.providers.lab.recipe import Recipe, recipe_of
from drillbook.providers.waiting import wait_until

_POLL = timedelta(milliseconds=200)
_SSH = 22
_HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"


class LabSandboxes(LabDrillMachines):
    """Implements `Sandboxes`. playbooks/lab/up.yml makes the templates."""

    def __init__(self, podman: Podman, drill: LabDrillRange, clock: Clock) -> None:
        super().__init__(podman)
        self._range = drill
        self._clock = clock

    def make(self, claim: Claim, sandbox: SandboxHost, timeout: timedelta) -> Machine:
        """Create a container as its template was created, and start it."""
        self._refuse_foreign(claim)
        deadline = self._clock.monotonic() + timeout
        image, recipe = self._template(claim.host)
        self._refuse_held(claim)
        self._create(
            claim,
            *recipe.arguments_without_labels,
            *self._disk(sandbox),
            image,
            *recipe.command,
            timeout=deadline - self._clock.monotonic(),
        )
        name = claim.identifier
        self._podman.call("start", name, where=claim.host, timeout=deadline - self._clock.monotonic())
        if sandbox.disk_bytes:
            # The runtime gives a new disk to root, whatever mode is asked for; the services are other users.
            self._podman.call("exec", name, "chmod", "1777", self._range.data_path, where=claim.host)
        return Machine(claim.host, name, self._podman.place.name, Power.RUNNING)

    def reach(self, machine: Machine, timeout: timedelta) -> Login:
        """Wait for the greeting of its ssh server, at its address on the drill's network; read its host key inside, not by ssh."""
        address = self._address(machine)
        late = InfrastructureError(
            f"its ssh server did not answer at {address} within {timeout.total_seconds():.0f} s",
            where=f"{machine.host} ({machine.identifier})",
            remedy=f"See what it waits for: podman exec {machine.identifier} systemctl list-jobs.",
        )
        deadline = self._clock.monotonic() + timeout
        wait_until(self._clock, lambda: _greets(address), deadline=deadline, every=_POLL, late=late)
        key = self._podman.call("exec", machine.identifier, "cat", _HOST_KEY, where=machine.host)
        return Login({"ansible_host": address}, " ".join(key.split()[:2]))

    def _disk(self, sandbox: SandboxHost) -> tuple[str, ...]:
        if not sandbox.disk_bytes:
            return ()
        if not self._range.data_path:
            raise ConfigurationError(
                f"{sandbox.host} is to have a disk of its own, and nothing says where",
                where=f"drillbook_providers, {sandbox.provider}, drill.data_path",
                remedy="Say it there, or leave disk_bytes out.",
            )
        return (f"--mount=type=tmpfs,destination={self._range.data_path},tmpfs-size={sandbox.disk_bytes}",)

    def _template(self, host: str) -> tuple[str, Recipe]:
        name = f"{self._podman.place.prefix}-{host}{TEMPLATE}"
        found = self._podman.inspect(name)
        recipe = recipe_of(found) if found else None
        if found is None or recipe is None:
            raise ConfigurationError(
                f"there is no template {name} to make it like",
                where=f"drillbook_sandboxes, host {host}",
                remedy="Bring the lab up, which makes it: playbooks/lab/up.yml.",
            )
        return str(found["ImageName"]), recipe

    def _refuse_held(self, claim: Claim) -> None:
        """One host of a name at a time: its address is one."""
        for entry in self._podman.containers():
            labels = entry["Labels"]
            if labels.get(HOST_LABEL) == claim.host and DRILL_LABEL in labels:
                raise InfrastructureError(
                    f"the sandbox {claim.host} is held by run {labels.get(RUN_LABEL)}",
                    where=f"container {entry['Names'][0]}",
                    remedy="Wait until that run is done. If it is dead, remove what it left: drillbook drill clean.",
                )

    def _address(self, machine: Machine) -> str:
        container = self._podman.inspect(machine.identifier)
        entry = networks_of(container).get(self._range.network) if container else None
        if not entry or not entry["IPAddress"]:
            raise InfrastructureError(
                f"it has no address on {self._range.network}",
                where=f"{machine.host} ({machine.identifier})",
                remedy="See whether it runs, and which networks its template has.",
            )
        return str(entry["IPAddress"])


def _greets(address: str) -> bool:
    try:
        with socket.create_connection((address, _SSH), timeout=_POLL.total_seconds()) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
