"""The host key of a machine that was just started, read by its guest agent: nobody on the network can answer in its place."""

from datetime import timedelta

from drillbook.clock import Clock
from drillbook.errors import InfrastructureError
from drillbook.model import Machine, Power
from drillbook.providers.cloud_init import STATUS, init_stage_of
from drillbook.providers.host_keys import HOST_KEY, read_host_key
from drillbook.providers.proxmox.api import ProxmoxApi
from drillbook.providers.proxmox.inside import ProxmoxInside
from drillbook.providers.waiting import wait_until

_POLL = timedelta(seconds=1)


def await_told_host_key(api: ProxmoxApi, clock: Clock, host: str, node: str, vmid: int, timeout: timedelta) -> str:
    """Wait until cloud-init has made the host's keys, and return the public one, ``ssh-ed25519 AAAA...``.

    Before that moment a template's own key may lie there, which each of its clones has. Raises InfrastructureError where the agent does not
    answer within ``timeout`` or cloud-init failed, RefusedError where the file holds something else, and ConfigurationError where the token
    may not read it.
    """
    machine = Machine(host, f"qemu/{vmid}", node, Power.RUNNING)
    inside = ProxmoxInside(api, clock)
    where = f"{host} ({machine.identifier})"
    missing = "cloud-init has not made its host keys"

    def read(path: str) -> str | None:
        nonlocal missing
        try:
            found = inside.read(machine, path)
        except InfrastructureError as error:
            missing = f"its guest agent does not answer: {error.message}"
            return None
        missing = "cloud-init has not made its host keys"
        return found

    def key() -> str | None:
        errors = init_stage_of(read(STATUS) or "")
        if errors:
            raise InfrastructureError(
                f"cloud-init failed: {'; '.join(errors)}",
                where=where,
                remedy="Correct what the inventory tells it (proxmox_vm_*), or the template. Then have it pinned: "
                f"-e provision_pin={host}",
            )
        return None if errors is None else read(HOST_KEY)

    def late() -> InfrastructureError:
        return InfrastructureError(
            f"{missing} (waited {timeout.total_seconds():.0f} s)",
            where=where,
            remedy="See its console, and what its template lacks: cloud-init, qemu-guest-agent. It is made, and its host key is not pinned. "
            f"Once it answers: -e provision_pin={host}",
        )

    return read_host_key(wait_until(clock, key, deadline=clock.monotonic() + timeout, every=_POLL, late=late), where)
