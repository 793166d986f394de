"""Real containers of the lab's base image, with systemd in them, and networks of their own."""

from __future__ import annotations

import io
import json
import secrets
import subprocess
import tarfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drillbook.clock import SystemClock
from drillbook.model import LabDrillRange, LabPlace
from drillbook.providers.lab import LabSnapshots, Podman

if TYPE_CHECKING:
    from drillbook.model import Machine

ROOT = Path(__file__).resolve().parents[3]
HOSTS = ("shop-db", "shop-web1", "shop-web2")
FILE = "/var/lib/content"
MACS = {host: f"02:db:ff:01:00:0{number}" for number, host in enumerate(HOSTS)}
# What the lab gives its hosts (lab_capabilities): systemd doesn't start with less.
OPTIONS = (
    *(f"--cap-add={name}" for name in ("SYS_ADMIN", "NET_ADMIN", "AUDIT_CONTROL", "SYS_NICE", "SYS_PTRACE")),
    *(word for option in ("seccomp=unconfined", "apparmor=unconfined", "label=disable", "unmask=ALL") for word in ("--security-opt", option)),
    "--systemd", "always", "--dns", "none", "--pids-limit", "-1", "--shm-size=64m",
)  # fmt: skip


def base_image() -> str:
    """The name of the base image, computed as the lab's inventory does."""
    spec = spec_from_file_location("lab_filters", ROOT / "plugins/filter/lab.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return f"localhost/drillbook/base:{module.lab_base_tag('trixie')}"


class LabWorld:
    """The shop as containers called ``<prefix>-<host>``; ``remove`` leaves nothing of it, however far ``build`` came."""

    hosts = HOSTS

    def __init__(self, containers_conf: Path) -> None:
        self.prefix = f"t{secrets.token_hex(4)}"
        self.production, self.drill = f"{self.prefix}-production", f"{self.prefix}-sandbox"
        self.place = LabPlace("lab", self.prefix, containers_conf, LabDrillRange(self.drill, ""))
        self.snapshots = LabSnapshots(Podman(self.place), SystemClock())
        self.image = base_image()

    def build(self, hosts: tuple[str, ...] = HOSTS) -> None:
        for network in (self.production, self.drill):
            self.podman("network", "create", "--internal", "--disable-dns", network)
        for host in hosts:
            self.add(f"{self.prefix}-{host}", host, f"--network={self.production}:mac={MACS[host]}")

    def add(self, name: str, host: str, *options: str) -> None:
        """Start a container of the shop."""
        labels = (f"--label=drillbook.lab={self.prefix}", "--label", f"drillbook.host={host}")
        self.podman(
            "run", "--name", name, "--detach=True", "--hostname", host, *OPTIONS, *labels, *options, self.image, "/sbin/init"
        )  # fmt: skip

    def database(self) -> Machine:
        (machine,) = self.snapshots.find(HOSTS[:1])
        return machine

    def remove(self) -> None:
        label = f"label=drillbook.lab={self.prefix}"
        for name in self.podman("ps", "--all", "--quiet", "--filter", label).split():
            self.podman("rm", "--force", "--time", "0", "--volumes", name)
        while images := self.podman("images", "--all", "--quiet", "--filter", label).split():
            self.podman("image", "rm", "--force", images[0])
        for network in (self.production, self.drill):
            self.podman("network", "rm", "--force", network)

    def write(self, machine: Machine, text: str) -> None:
        """Into the container's disk, whether it runs or not."""
        self.podman("cp", "-", f"{machine.identifier}:/", stdin=archive(text))

    def read(self, machine: Machine) -> str:
        return unpacked(self.podman_bytes("cp", f"{machine.identifier}:{FILE}", "-"))

    def runs(self, machine: Machine) -> bool:
        return self.state(machine.identifier) == "running"

    def twin(self, host: str) -> None:
        self.add(f"{self.prefix}-second-{host}", host, f"--network={self.production}")

    def state(self, container: str) -> str:
        return str(self.inspect(container)["State"]["Status"])

    def inspect(self, container: str) -> Any:
        return json.loads(self.podman("container", "inspect", container))[0]

    def names(self) -> set[str]:
        """All containers of the shop."""
        listed = self.podman("ps", "--all", "--format", "{{.Names}}", "--filter", f"label=drillbook.lab={self.prefix}")
        return set(listed.split())

    def podman(self, *arguments: str, stdin: bytes | None = None) -> str:
        return self.podman_bytes(*arguments, stdin=stdin).decode()

    def podman_bytes(self, *arguments: str, stdin: bytes | None = None) -> bytes:
        argv = ["env", f"CONTAINERS_CONF={self.place.containers_conf}", "podman", *arguments]
        done = subprocess.run(argv, input=stdin, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


def archive(text: str) -> bytes:
    """The file with this content, as `podman cp` reads it."""
    packed, content = io.BytesIO(), text.encode()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo(FILE.lstrip("/"))
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def unpacked(packed: bytes) -> str:
    """The content of the one file in it."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        member = tar.extractfile(tar.next() or "")
        assert member is not None
        return member.read().decode()
