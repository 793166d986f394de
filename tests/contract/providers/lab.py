"""Real containers of the lab's base image, with systemd in them, and networks of their own."""

from __future__ import annotations

import base64
import io
import json
import re
import secrets
import subprocess
import tarfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.modules import module_at

from drillbook.clock import SystemClock
from drillbook.model import BackupMode, BackupRules, Retention
from drillbook.providers.lab.backups import LabBackups
from drillbook.providers.lab.copies import DESCRIPTION_LABEL
from drillbook.providers.lab.place import LabDrillRange, LabPlace
from drillbook.providers.lab.podman import Podman
from drillbook.providers.lab.snapshots import LabSnapshots

if TYPE_CHECKING:
    from drillbook.model import Backup, Machine

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
    module = module_at(ROOT / "plugins/filter/lab.py")
    return f"localhost/drillbook/base:{module.lab_base_tag('trixie')}"


class LabWorld:
    """The shop as containers called ``<prefix>-<host>``; ``remove`` leaves nothing of it, however far ``build`` came."""

    hosts = HOSTS

    def __init__(self, containers_conf: Path, *, small: bool = False) -> None:
        """``small``: of an image of a few MB in which only `sleep` runs, for what has to read whole copies again and again."""
        self.prefix = f"t{secrets.token_hex(4)}"
        self.production, self.drill = f"{self.prefix}-production", f"{self.prefix}-sandbox"
        self.place = LabPlace(
            name="lab",
            kind="lab",
            prefix=self.prefix,
            containers_conf=containers_conf,
            drill=LabDrillRange(network=self.drill),
        )
        self.snapshots = LabSnapshots(Podman(self.place), SystemClock())
        self.backups = LabBackups(Podman(self.place), SystemClock())
        self.rules = BackupRules("", BackupMode.SNAPSHOT, "", "", Retention(last=1), timedelta(hours=25))
        self.small = small
        self.image = f"localhost/drillbook/small:{self.prefix}" if small else base_image()
        self.command = ("/bin/sleep", "infinity") if small else ("/sbin/init",)

    def build(self, hosts: tuple[str, ...] = HOSTS) -> None:
        if self.small:
            self.podman("import", "--quiet", "-", self.image, stdin=sleep_alone())
        for network in (self.production, self.drill):
            self.podman("network", "create", "--internal", "--disable-dns", network)
        self.renew(hosts)

    def renew(self, hosts: tuple[str, ...] = HOSTS) -> None:
        """Have these hosts' containers, running, and nothing else; what was written to their disks stays."""
        self._remove_images()
        wanted = {self.name(host): host for host in hosts}
        states = self.states()
        running = {name for name, state in states.items() if name in wanted and state == "running"}
        for name in states.keys() - running:
            self.podman("rm", "--force", "--time", "0", "--volumes", name)
        for name in sorted(wanted.keys() - running):
            self.add(name, wanted[name], f"--network={self.production}:mac={MACS[wanted[name]]}")

    def name(self, host: str) -> str:
        return f"{self.prefix}-{host}"

    def add(self, name: str, host: str, *options: str) -> None:
        """Start a container of the shop."""
        labels = (f"--label=drillbook.lab={self.prefix}", "--label", f"drillbook.host={host}")
        self.podman(
            "run", "--name", name, "--detach=True", "--hostname", host, *OPTIONS, *labels, *options, self.image, *self.command
        )  # fmt: skip

    def database(self) -> Machine:
        (machine,) = self.snapshots.find(HOSTS[:1])
        return machine

    def remove(self) -> None:
        for name in self.names():
            self.podman("rm", "--force", "--time", "0", "--volumes", name)
        self._remove_images()
        if self.small:
            self.podman("image", "rm", "--force", "--ignore", self.image)
        for network in (self.production, self.drill):
            self.podman("network", "rm", "--force", network)

    def _remove_images(self) -> None:
        """And whatever stands on them."""
        images = ("images", "--all", "--quiet", "--filter", f"label=drillbook.lab={self.prefix}")
        if found := self.podman(*images).split():
            self.podman("image", "rm", "--force", "--ignore", *dict.fromkeys(found))

    def write(self, machine: Machine, text: str) -> None:
        self.put(machine.identifier, FILE, text)

    def put(self, container: str, path: str, text: str) -> None:
        """Into the container's disk, whether it runs or not."""
        self.podman("cp", "-", f"{container}:/", stdin=archive(path, text))

    def read(self, machine: Machine) -> str:
        return unpacked(self.podman_bytes("cp", f"{machine.identifier}:{FILE}", "-"))

    def runs(self, machine: Machine) -> bool:
        return self.state(machine.identifier) == "running"

    def twin(self, host: str) -> None:
        self.add(f"{self.prefix}-second-{host}", host, f"--network={self.production}")

    def lose(self, host: str) -> None:
        self.podman("rm", "--force", "--time", "0", self.name(host))

    def damage(self, backup: Backup) -> None:
        """Lose one file of those that it holds itself, as a disk does that goes bad."""
        files = (path for path in sorted(self.layer(backup).rglob("*")) if path.is_file() and not path.is_symlink())
        next(path for path in files if path.stat().st_size).unlink()

    def layer(self, backup: Backup) -> Path:
        """Where podman keeps the files that only this backup has."""
        return Path(
            self.podman("image", "inspect", "--format", "{{.GraphDriver.Data.UpperDir}}", backup.identifier).strip()
        )

    def lie(self, backup: Backup, note: str) -> None:
        """Make another image of it that says so, and give it the backup's name: whoever may use podman can."""
        labels = json.loads(self.podman("image", "inspect", "--format", "{{json .Labels}}", backup.identifier))
        told = {**json.loads(base64.b64decode(labels[DESCRIPTION_LABEL])), "note": note}
        label = base64.b64encode(json.dumps(told).encode()).decode()
        passing = self.podman("create", "--pull=never", backup.identifier, "/bin/true").strip()
        self.podman("commit", "--quiet", f"--change=LABEL {DESCRIPTION_LABEL}={label}", passing, backup.identifier)
        self.podman("rm", passing)

    def foreign(self, host: str) -> None:
        """An image of the container where the backups are, with the labels of the container only."""
        reference = f"localhost/drillbook/backup/{self.prefix}/{host}:before-upgrade"
        self.podman("commit", "--quiet", self.name(host), reference)

    def stored(self) -> int:
        names = "{{.ID}} {{.Repository}}"
        listed = self.podman("images", "--format", names, "--filter", f"label=drillbook.lab={self.prefix}")
        return len({line for line in listed.splitlines() if f"/backup/{self.prefix}/" in line})

    def state(self, container: str) -> str:
        return str(self.inspect(container)["State"]["Status"])

    def inspect(self, container: str) -> Any:
        return self.inspect_all(container)[0]

    def inspect_all(self, *containers: str) -> list[Any]:
        return list(json.loads(self.podman("container", "inspect", *containers)))

    def names(self) -> set[str]:
        """All containers of the shop."""
        return set(self.states())

    def states(self) -> dict[str, str]:
        """Theirs, by name."""
        listed = self.podman("ps", "--all", "--format", "json", "--filter", f"label=drillbook.lab={self.prefix}")
        return {entry["Names"][0]: entry["State"] for entry in json.loads(listed)}

    def podman(self, *arguments: str, stdin: bytes | None = None) -> str:
        return self.podman_bytes(*arguments, stdin=stdin).decode()

    def podman_bytes(self, *arguments: str, stdin: bytes | None = None) -> bytes:
        argv = ["env", f"CONTAINERS_CONF={self.place.containers_conf}", "podman", *arguments]
        done = subprocess.run(argv, input=stdin, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


def sleep_alone() -> bytes:
    """A root directory with this machine's `sleep` and the libraries that it wants."""
    linked = subprocess.run(["/usr/bin/ldd", "/bin/sleep"], capture_output=True, text=True, check=True).stdout
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", dereference=True) as tar:
        for path in ("/bin/sleep", *re.findall(r"(/\S+) \(0x", linked)):
            tar.add(path)
    return packed.getvalue()


def archive(path: str, text: str) -> bytes:
    """A file with this content, as `podman cp` reads it."""
    packed, content = io.BytesIO(), text.encode()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo(path.lstrip("/"))
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def unpacked(packed: bytes) -> str:
    """The content of the one file in it."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        member = tar.extractfile(tar.next() or "")
        assert member is not None
        return member.read().decode()
