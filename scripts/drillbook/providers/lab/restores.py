"""A drill's containers, made of backups: on the isolated network only, and nothing else is ever removed."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import InfrastructureError, RefusedError
from drillbook.model import Backup, BackupRules, Claim, Machine, NetworkCard, Power
from drillbook.providers.lab.backups import backups_of_hosts, description_of
from drillbook.providers.lab.copies import macs_of, networks_of
from drillbook.providers.lab.damage import unreadable
from drillbook.providers.lab.drill_machines import LabDrillMachines
from drillbook.providers.lab.inside import LabInside
from drillbook.providers.lab.network import refuse_unless_isolated
from drillbook.providers.lab.place import LabDrillRange
from drillbook.providers.lab.podman import Podman
from drillbook.providers.lab.recipe import recipe_of

_CARD = "eth0"


class LabRestores(LabDrillMachines, LabInside):
    """Implements `Restores`."""

    def __init__(self, podman: Podman, drill: LabDrillRange, clock: Clock) -> None:
        LabDrillMachines.__init__(self, podman)
        LabInside.__init__(self, podman, clock)
        self._range = drill

    def backups(self, hosts: Sequence[str], rules: BackupRules) -> tuple[Backup, ...]:  # noqa: ARG002 - one storage for all
        """All images of these hosts that are backups."""
        return backups_of_hosts(self._podman, hosts)

    def restore(self, claim: Claim, backup: Backup, timeout: timedelta) -> Machine:
        """Create the container, with one card on the drill's network and nothing of this machine in it.

        It stands on the layers of the backup, so that nothing of them would be read before it is needed: they are read first.
        """
        self._refuse_foreign(claim)
        if claim.host != backup.host:
            raise RefusedError(
                f"it is of {backup.host}, and {claim.host} is to be restored",
                where=backup.identifier,
                remedy="Nothing was made.",
            )
        description = description_of(self._podman, backup)
        refuse_unless_isolated(self._podman, self._range.network, description.networks)
        deadline = self._clock.monotonic() + timeout
        spoilt = unreadable(self._podman, backup.identifier, timeout)
        if spoilt:
            raise InfrastructureError(
                f"it can't be restored: {spoilt}", where=backup.identifier, remedy="See `drillbook backup verify`."
            )
        self._create(
            claim, "--hostname", claim.host, *description.options,
            f"--network={self._range.network}:mac={_new_mac(description.macs)},interface_name={_CARD}",
            # An address of the production network is no longer its own; services that bind it start all the same.
            "--dns=none", "--no-hosts", "--sysctl=net.ipv4.ip_forward=0", "--sysctl=net.ipv4.ip_nonlocal_bind=1",
            backup.identifier, *description.command, timeout=deadline - self._clock.monotonic(),
        )  # fmt: skip
        return Machine(claim.host, claim.identifier, self._podman.place.name, Power.STOPPED)

    def cards(self, machine: Machine) -> tuple[NetworkCard, ...]:
        """As podman has them; a stopped container has the addresses that it was given. A foreign network namespace is a card, too."""
        container = self._inspect(machine)
        networks, mode = networks_of(container), str(container["HostConfig"]["NetworkMode"])
        recipe = recipe_of(container)
        given = sorted(recipe.macs()) if recipe and len(networks) == 1 else []
        cards = [
            NetworkCard(f"eth{number}", name, str(entry["MacAddress"]).lower() or "".join(given))
            for number, (name, entry) in enumerate(networks.items())
        ]
        return tuple(cards) if mode == "bridge" else (*cards, NetworkCard(mode, mode, ""))

    def isolated_network(self) -> str:
        """The network of the drill range."""
        return self._range.network

    def forbidden_macs(self, backup: Backup) -> frozenset[str]:
        """Those that the machine had when it was backed up, and those that it has now."""
        now = self._podman.inspect(backup.source)
        return frozenset(description_of(self._podman, backup).macs) | (
            macs_of(now, recipe_of(now)) if now else frozenset()
        )

    def _inspect(self, machine: Machine) -> Mapping[str, Any]:
        found = self._podman.inspect(machine.identifier)
        if found is None:
            raise InfrastructureError("it is gone", where=machine.identifier, remedy="Run the drill again.")
        return found


def _new_mac(forbidden: Collection[str]) -> str:
    """A locally administered address that begins otherwise than all of the lab's own (02)."""
    while True:
        made = "0a:" + ":".join(f"{byte:02x}" for byte in secrets.token_bytes(5))
        if made not in forbidden:
            return made
