"""A drill's containers, made of backups: on the isolated network only, and nothing else is ever removed."""

import hashlib
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from itertools import count
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import InfrastructureError, RefusedError, TakenError
from drillbook.model import Backup, BackupRules, Claim, Machine, NetworkCard, Power
from drillbook.providers.lab.backups import backups_of_hosts, description_of
from drillbook.providers.lab.copies import macs_of, networks_of
from drillbook.providers.lab.damage import unreadable
from drillbook.providers.lab.inside import LabInside
from drillbook.providers.lab.machines import DRILL_LABEL
from drillbook.providers.lab.network import refuse_unless_isolated
from drillbook.providers.lab.place import LabDrillRange
from drillbook.providers.lab.podman import HOST_LABEL, LAB_LABEL, Podman, said
from drillbook.providers.lab.recipe import recipe_of

RUN_LABEL = "drillbook.run"
_CARD = "eth0"


class LabRestores(LabInside):
    """Implements `Restores`. A claim's identifier is the container's name.

    Whoever may use podman may do everything: only the refusals here bind the drill.
    """

    def __init__(self, podman: Podman, drill: LabDrillRange, clock: Clock) -> None:
        super().__init__(podman, clock)
        self._range = drill

    def backups(self, hosts: Sequence[str], rules: BackupRules) -> tuple[Backup, ...]:  # noqa: ARG002 - one storage for all
        """All images of these hosts that are backups."""
        return backups_of_hosts(self._podman, hosts)

    def claim(self, host: str, run_id: str, taken: Collection[str]) -> Claim:
        """A name of the lab's prefix, a digest of the run's id, and the host."""
        name = f"{self._prefix()}{hashlib.sha256(run_id.encode()).hexdigest()[:8]}-{host}"
        names = (name if number == 1 else f"{name}-{number}" for number in count(1))
        chosen = next(candidate for candidate in names if candidate not in taken)
        return Claim(provider=self._podman.place.name, host=host, identifier=chosen, run_id=run_id)

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
        labels = {
            LAB_LABEL: self._podman.place.prefix,
            HOST_LABEL: claim.host,
            RUN_LABEL: claim.run_id,
            DRILL_LABEL: "true",
        }
        done = self._podman.attempt(
            "create", "--name", claim.identifier, "--pull=never", "--hostname", claim.host, *description.options,
            f"--network={self._range.network}:mac={_new_mac(description.macs)},interface_name={_CARD}",
            # An address of the production network is no longer its own; services that bind it start all the same.
            "--dns=none", "--no-hosts", "--sysctl=net.ipv4.ip_forward=0", "--sysctl=net.ipv4.ip_nonlocal_bind=1",
            *(f"--label={key}={value}" for key, value in labels.items()), backup.identifier, *description.command,
            timeout=deadline - self._clock.monotonic(),
        )  # fmt: skip
        if done.returncode != 0:
            if "is already in use" in done.stderr:
                raise TakenError(
                    "a container of this name is there", where=claim.identifier, remedy="Claim another name."
                )
            raise InfrastructureError(
                f"podman create failed: {said(done)}", where=claim.identifier, remedy="See docs/how-to/lab.md."
            )
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

    def destroy(self, claim: Claim, timeout: timedelta) -> None:
        """Remove the container by its id, once its name, labels and run are seen to be those of the claim."""
        self._refuse_foreign(claim)
        container = self._podman.inspect(claim.identifier)
        if container is None:
            return
        labels = container["Config"]["Labels"] or {}
        expected = {LAB_LABEL: self._podman.place.prefix, RUN_LABEL: claim.run_id, DRILL_LABEL: "true"}
        wrong = [f"{key} is {labels.get(key, '')!r}" for key, value in expected.items() if labels.get(key) != value]
        if wrong:
            raise RefusedError(
                f"it is not this run's: {', '.join(wrong)}", where=claim.identifier, remedy="Nothing was touched."
            )
        self._podman.remove(str(container["Id"]), timeout)

    def _prefix(self) -> str:
        return f"{self._podman.place.prefix}-drill-"

    def _refuse_foreign(self, claim: Claim) -> None:
        ours = claim.provider == self._podman.place.name and claim.run_id
        if not ours or not re.fullmatch(rf"{re.escape(self._prefix())}[A-Za-z0-9_.-]+", claim.identifier):
            raise RefusedError(
                f"only containers called {self._prefix()}... that a run claims are a drill's",
                where=f"{claim.provider}, {claim.identifier}, run {claim.run_id or '(none)'}",
                remedy="Nothing was touched.",
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
