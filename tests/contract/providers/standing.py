"""A standing host: a container that nobody's lab knows, reached by Ansible through podman."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.contract.providers.lab import OPTIONS, base_image

from drillbook.providers.host.place import HostPlace
from drillbook.providers.lab.place import LabPlace
from drillbook.providers.lab.podman import Podman

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class StandingHost:
    """Called ``<prefix>-standing``. Ansible's connection to it wants CONTAINERS_CONF in the environment."""

    def __init__(self, podman: Podman) -> None:
        self.podman = podman
        self.name = f"{podman.place.prefix}-standing"
        self.place = HostPlace(name="standing", kind="host")
        self.variables = {
            "ansible_connection": "containers.podman.podman",
            "ansible_host": self.name,
            "ansible_python_interpreter": "/usr/bin/python3",
        }

    def run(self, script: str) -> str:
        return self.podman.call("exec", self.name, "sh", "-c", script, where=self.name)


@contextmanager
def standing_host(containers_conf: Path) -> Iterator[StandingHost]:
    """One whose boot is over; nothing stays of it."""
    prefix = f"t{secrets.token_hex(4)}"
    podman = Podman(LabPlace(name="lab", kind="lab", prefix=prefix, containers_conf=containers_conf))
    made = StandingHost(podman)
    podman.call(
        *("run", "--detach", "--name", made.name, "--hostname", "sandbox1", f"--label=drillbook.lab={prefix}"),
        *(*OPTIONS, "--network=podman", base_image(), "/sbin/init"),
        where=made.name,
    )
    try:
        made.run(
            "until systemctl is-system-running --wait 2>/dev/null | grep -qE 'running|degraded'; do sleep 0.2; done; "
            "touch /etc/motd /etc/issue"
        )
        yield made
    finally:
        podman.call("rm", "--force", "--time", "0", "--volumes", made.name, where=made.name)
