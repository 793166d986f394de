"""A host that the lab does not know: it stands all the time, and is reached by ssh as a user who becomes root by a password."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.guests.containers import options_of, podman_of

from drillbook.providers.lab.podman import LAB_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drillbook_lab.lab import Lab

USER = "ops"
OCTET = 61
STORE_CA = "/etc/ssl/store.crt"
_SCRIPT = """
until systemctl is-system-running --wait 2>/dev/null | grep -qE 'running|degraded'; do sleep 0.2; done
set -e
useradd --create-home --shell /bin/bash --groups sudo {user}
echo '{user}:{password}' | chpasswd
install -d -o {user} -m 0700 /home/{user}/.ssh
echo '{key}' >/home/{user}/.ssh/authorized_keys
chown -R {user}: /home/{user}/.ssh
echo 'umask 027' >>/home/{user}/.profile
# As after somebody's first sudo there.
touch /home/{user}/.sudo_as_admin_successful
ssh-keygen -A >/dev/null
# Without a key it has failed, again and again: systemd would not try once more.
systemctl reset-failed ssh
systemctl restart ssh
cat /etc/ssh/ssh_host_ed25519_key.pub
"""


@dataclass(frozen=True, slots=True)
class StandingHost:
    """A container with the software of a database host, in the lab's sandbox network. ``known_host`` is its line for ssh."""

    container: str
    address: str
    user: str
    password: str = field(repr=False)
    known_host: str


@contextmanager
def standing_host(lab: Lab) -> Iterator[StandingHost]:
    """It logs in whoever has the lab's key, and knows the store by its name; its certificate is `STORE_CA`. Removed at the end."""
    podman, name = podman_of(lab), f"{lab.prefix}-guest-standing"
    address = f"{lab.address('sandbox1', 'sandbox').rpartition('.')[0]}.{OCTET}"
    found = podman.inspect(f"{lab.prefix}-sandbox1.template")
    assert found is not None, "playbooks/lab/up.yml makes it"
    password = secrets.token_urlsafe(12)
    names = [f"--add-host={host}:{lab.address(host, 'sandbox')}" for host in ("store1", "cache1")]
    podman.call(
        *("run", "--detach", "--name", name, "--hostname", "Standing1", f"--label={LAB_LABEL}={lab.prefix}"),
        *options_of(podman, lab),
        *(f"--network={lab.prefix}-sandbox:ip={address}", *names, str(found["ImageName"]), "/sbin/init"),
        where=name,
    )
    key = (lab.state / "ssh/id_ed25519.pub").read_text(encoding="utf-8").strip()
    try:
        script = _SCRIPT.format(user=USER, password=password, key=key)
        own = podman.call("exec", name, "sh", "-c", script, where=name)
        podman.call("cp", str(lab.ca_file), f"{name}:{STORE_CA}", where=name)
        yield StandingHost(name, address, USER, password, f"{address} {own.strip()}\n")
    finally:
        podman.call("rm", "--force", "--time", "0", "--volumes", name, where=name)
