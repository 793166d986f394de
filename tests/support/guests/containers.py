"""Containers of the lab that boot as machines do: Debian's cloud-init configures them from the very data that a provider was given."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from drillbook import process
from drillbook.providers.lab.place import LabPlace
from drillbook.providers.lab.podman import LAB_LABEL, LOOK, Podman

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drillbook_lab.lab import Lab

SEED = "/var/lib/cloud/seed/nocloud"
"""Where cloud-init's datasource NoCloud looks, beside a drive of the label `cidata`."""
HOSTS_TEMPLATE = "/etc/cloud/templates/hosts.debian.tmpl"
# A container's card is no device of udev's, without which networkd never calls a link online; and nobody answers the wizard.
MASKED = ("systemd-networkd-wait-online.service", "systemd-firstboot.service")
# Of the lab's own containers: what systemd needs.
KEPT_OPTIONS = ("--cap-add", "--security-opt", "--systemd", "--pids-limit", "--shm-size", "--sysctl", "--dns")


class GuestContainers:
    """Named ``<prefix>-guest-<name>``. Each is made at its first start, and its card has no address but that which cloud-init gives it."""

    def __init__(
        self,
        podman: Podman,
        image: str,
        options: Sequence[str],
        networks: Mapping[str, str],
        names: Mapping[str, str] | None = None,
    ) -> None:
        """``options``: with what systemd needs; ``networks``: the provider's name of a network -> podman's; ``names``: name -> address.

        The names are what a resolver on the isolated network would tell, whether cloud-init writes the guest's /etc/hosts or not.
        """
        self._podman = podman
        self._image = image
        self._options = options
        self._networks = networks
        self._names = names or {}
        self._files = tempfile.TemporaryDirectory(prefix="drillbook-guests-")

    def power_on(self, name: str, seed: Mapping[str, str], cards: Mapping[str, str]) -> None:
        """Start it. ``seed``: files of NoCloud; ``cards``: the provider's network -> hardware address."""
        container = self._container(name)
        if self._podman.inspect(container) is None:
            self._create(container, seed, cards)
        self._podman.call("init", container, where=name)
        found = self._podman.call("container", "inspect", "--format", "{{.State.Pid}}", container, where=name)
        for number in range(len(cards)):
            # What podman gave it is nothing that a provider gives.
            flush = ("ip", "address", "flush", "dev", f"eth{number}")
            done = process.run(("nsenter", "--target", found.strip(), "--net", *flush), timeout=LOOK)
            assert done.returncode == 0, done.stderr
        self._podman.call("start", container, where=name)

    def power_off(self, name: str) -> None:
        """As if the plug were pulled."""
        self._podman.call("stop", "--time", "0", "--ignore", self._container(name), where=name)

    def remove(self, name: str) -> None:
        """With all that is in it."""
        self._podman.call("rm", "--force", "--time", "0", "--volumes", "--ignore", self._container(name), where=name)

    def read(self, name: str, path: str) -> bytes | None:
        """A text inside; None where there is none."""
        done = self._podman.attempt("exec", self._container(name), "cat", path)
        return done.stdout.encode() if done.returncode == 0 else None

    def names(self) -> list[str]:
        """Those that are there, running or not."""
        names = (str(entry["Names"][0]) for entry in self._podman.containers())
        start = self._container("")
        return sorted(name.removeprefix(start) for name in names if name.startswith(start))

    def remove_all(self) -> None:
        """Nothing stays of a test."""
        for name in self.names():
            self.remove(name)
        self._files.cleanup()

    def _create(self, container: str, seed: Mapping[str, str], cards: Mapping[str, str]) -> None:
        folder = Path(self._files.name) / container
        folder.mkdir(exist_ok=True)
        for file, content in seed.items():
            (folder / file).write_text(content, encoding="utf-8")
        hosts = Path(self._files.name) / "hosts"
        hosts.write_text(self._hosts_template(), encoding="utf-8")
        networks = [
            f"--network={self._networks[network]}:mac={address},interface_name=eth{number}"
            for number, (network, address) in enumerate(cards.items())
        ]
        self._podman.call(
            "create",
            *("--name", container, "--hostname", "unnamed", f"--label={LAB_LABEL}={self._podman.place.prefix}"),
            *self._options,
            *(networks or ["--network=none"]),
            f"--volume={folder}:{SEED}:ro",
            *(f"--add-host={name}:{address}" for name, address in self._names.items()),
            f"--volume={hosts}:{HOSTS_TEMPLATE}:ro",
            *(f"--volume=/dev/null:/etc/systemd/system/{unit}:ro" for unit in MASKED),
            self._image,
            "/sbin/init",
            where=container,
        )

    def _hosts_template(self) -> str:
        names = [f"{address} {name}" for name, address in self._names.items()]
        return "\n".join(["## template:jinja", "127.0.0.1 localhost", "127.0.1.1 {{fqdn}} {{hostname}}", *names, ""])

    def _container(self, name: str) -> str:
        return f"{self._podman.place.prefix}-guest-{name}"


def guests_of(lab: Lab, image: str, networks: Mapping[str, str]) -> GuestContainers:
    """On the networks of a lab whose hosts are up; they know what the sandbox may reach by name."""
    podman = podman_of(lab)
    hosts: Mapping[str, Mapping[str, str]] = lab.variables["lab_hosts"]
    names = {name: legs["sandbox"] for name, legs in hosts.items() if len(legs) > 1}
    return GuestContainers(podman, image, options_of(podman, lab), networks, names)


def podman_of(lab: Lab) -> Podman:
    """The lab's podman."""
    return Podman(
        LabPlace(name="lab", kind="lab", prefix=lab.prefix, containers_conf=lab.state / "containers.conf", drill=None)
    )


def options_of(podman: Podman, lab: Lab) -> list[str]:
    """Of the arguments that the lab's sandbox template was created with, those that systemd needs."""
    found = podman.inspect(f"{lab.prefix}-sandbox1.template")
    assert found is not None, "playbooks/lab/up.yml makes it"
    command: list[str] = found["Config"]["CreateCommand"]
    kept: list[str] = []
    for position, word in enumerate(command):
        option, equals, _value = word.partition("=")
        if option in KEPT_OPTIONS:
            kept += [word] if equals else [word, command[position + 1]]
    return kept
