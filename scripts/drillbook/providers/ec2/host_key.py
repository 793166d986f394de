"""The host key of an instance that was just made: it shows a throw-away one of its user data once, and makes its own then."""

from collections.abc import Mapping
from datetime import timedelta

from drillbook.clock import Clock
from drillbook.errors import RefusedError
from drillbook.model import SshOptions
from drillbook.providers.ec2.drill.first_login import FirstLogin
from drillbook.providers.host_keys import host_key_in
from drillbook.providers.pinned_ssh import PinnedSsh

_POLL = timedelta(seconds=2)


def await_own_host_key(host: str, login: Mapping[str, str], ssh: SshOptions, clock: Clock, timeout: timedelta) -> str:
    """Log in once cloud-init is done, have the instance make a host key of its own, and return the public one, ``ssh-ed25519 AAAA...``.

    ``login``: address, user, and first_key, the public half of the key that its user data gave it. Raises RefusedError where something else
    answers at that address or there is no such key, InfrastructureError where nobody could log in within ``timeout``, or cloud-init failed.
    """
    if host_key_in(login["first_key"]) is None:
        raise RefusedError(
            "its user data have no host key for a first login",
            where=host,
            remedy="provision.yml did not launch it, or had no file of known hosts then. Compare what `ssh-keyscan` shows with its console "
            "output, and write the line yourself.",
        )
    pinned = PinnedSsh(host, login["address"], login["user"], ssh, login["first_key"])
    deadline = clock.monotonic() + timeout
    first = FirstLogin(pinned, clock, _POLL, deadline=deadline, timeout=timeout, alive=lambda: None)
    first.wait_for_cloud_init()
    return first.replace_host_key()
