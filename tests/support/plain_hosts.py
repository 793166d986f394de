"""Hosts that no lab's inventory knows: plain Debian, reached by ssh as a user who becomes root by a password.

They are containers of the lab's base image on the lab's networks, so its object store and its package cache are what they find there.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from shlex import quote
from typing import TYPE_CHECKING

from tests.support.guests.containers import options_of, podman_of

from drillbook.providers.lab.podman import LAB_LABEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drillbook_lab.lab import Lab

USER = "ops"
BOOTED = "until systemctl is-system-running --wait 2>/dev/null | grep -qE 'running|degraded'; do sleep 0.2; done"
# Debian's installer leaves a server with these.
INSTALLED = ("sudo", "openssh-server", "python3")


@dataclass(frozen=True, slots=True)
class PlainHost:
    """``name`` is the host's own, ``last`` the last number of its address; ``script`` is what is peculiar to it, run as root."""

    name: str
    network: str
    last: int
    script: str = ""


@dataclass
class PlainHosts:
    """They share a password for sudo; each has host keys of its own, and lets nobody in by a key yet."""

    lab: Lab
    image: str
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))

    def address(self, host: PlainHost) -> str:
        return f"{self.lab.variables['lab_subnets'][host.network].rpartition('.')[0]}.{host.last}"

    def make(self, host: PlainHost) -> None:
        """Make it and wait for its boot."""
        podman, container = podman_of(self.lab), self._container(host)
        served = {name: legs for name, legs in self.lab.variables["lab_hosts"].items() if len(legs) > 1}
        names = [f"--add-host={name}:{legs[host.network]}" for name, legs in served.items()]
        podman.call(
            *("run", "--detach", "--name", container, "--hostname", host.name),
            f"--label={LAB_LABEL}={self.lab.prefix}",
            *options_of(podman, self.lab),
            *(f"--network={self.lab.prefix}-{host.network}:ip={self.address(host)}", *names, self.image, "/sbin/init"),
            where=container,
        )
        podman.call("exec", container, "sh", "-c", self._first_steps(host), where=container)

    def run(self, host: PlainHost, script: str) -> str:
        """Run a script inside, as root."""
        return podman_of(self.lab).call("exec", self._container(host), "sh", "-c", script, where=host.name)

    def remove(self, hosts: Sequence[PlainHost]) -> None:
        """With all that is in them."""
        for host in hosts:
            container = self._container(host)
            podman_of(self.lab).call(
                "rm", "--force", "--time", "0", "--volumes", "--ignore", container, where=host.name
            )

    def _container(self, host: PlainHost) -> str:
        return f"{self.lab.prefix}-plain-{host.name.lower()}"

    def _first_steps(self, host: PlainHost) -> str:
        """What somebody did there before drillbook came: a package source, a user with sudo."""
        cache = self.lab.address("cache1", host.network)
        return (
            f"{BOOTED}; set -e; "
            f"echo 'Acquire::http::Proxy \"http://{cache}:3142\";' >/etc/apt/apt.conf.d/00proxy; "
            f"apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq install {' '.join(INSTALLED)} >/dev/null; "
            f"useradd --create-home --shell /bin/bash --groups sudo {USER}; echo {quote(f'{USER}:{self.password}')} | chpasswd; "
            f"install -d -o {USER} -g {USER} -m 0700 /home/{USER}/.ssh; "
            f"install -o {USER} -g {USER} -m 0600 /dev/null /home/{USER}/.ssh/authorized_keys; "
            f"ssh-keygen -A >/dev/null; systemctl reset-failed ssh; systemctl restart ssh; {host.script or 'true'}"
        )
