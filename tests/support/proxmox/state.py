"""What the cluster is: plain records that can be written to JSON and read back."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter

_BYTES = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
GIBIBYTE = 1 << 30

# A path in a volume and what it holds; a raw disk is one entry under the empty path.
Files = dict[str, bytes]
Config = dict[str, Any]


@dataclass(slots=True)
class Node:
    """A server of the cluster."""

    name: str
    address: str = "10.99.0.1"
    cores: int = 16
    memory: int = 64 * GIBIBYTE
    disk: int = 256 * GIBIBYTE
    started: float = field(default_factory=time.time)
    timezone: str | None = "UTC"
    interfaces: dict[str, Config] = field(default_factory=dict)
    # Interfaces changed through the API wait here until they are applied.
    pending_interfaces: dict[str, Config] | None = None


@dataclass(slots=True)
class Storage:
    """A storage of the cluster; one that is not shared exists on each node apart."""

    name: str
    kind: str = "dir"
    content: str = "images,rootdir,vztmpl,iso,snippets,backup"
    shared: bool = False
    nodes: list[str] = field(default_factory=list)
    total: int = 1024 * GIBIBYTE
    options: Config = field(default_factory=dict)


@dataclass(slots=True)
class Archive:
    """What a backup holds besides its file: the guest's configuration and the content of its disks by key."""

    kind: str
    vmid: int
    config: Config
    disks: dict[str, Files]
    sizes: dict[str, int]
    __pydantic_config__ = _BYTES


@dataclass(slots=True)
class Volume:
    """A disk, a backup or an image on a storage; `node` is empty on a shared one."""

    volid: str
    node: str
    storage: str
    content: str
    format: str
    size: int
    vmid: int | None = None
    ctime: int = 0
    files: Files = field(default_factory=dict)
    parent: str | None = None
    notes: str = ""
    protected: bool = False
    archive: Archive | None = None
    # What Proxmox Backup Server found when it last read this backup: ok, failed, or nothing yet.
    verification: str = ""
    # Whether the archive can't be read any more.
    damaged: bool = False
    __pydantic_config__ = _BYTES


@dataclass(slots=True)
class Snapshot:
    """A snapshot: the configuration and the content of the disks as they were, and the memory if it was saved."""

    name: str
    config: Config
    snaptime: int
    description: str = ""
    parent: str | None = None
    disks: dict[str, Files] = field(default_factory=dict)
    vmstate: str | None = None
    memory: Files = field(default_factory=dict)
    # Whether the saved memory is that of a guest whose file systems were frozen: then it comes back frozen.
    frozen: bool = False
    order: int = 0
    __pydantic_config__ = _BYTES


@dataclass(slots=True)
class Program:
    """What a program that the agent is asked to run will answer."""

    exitcode: int = 0
    out: str = ""
    err: str = ""
    hangs: bool = False


@dataclass(slots=True)
class Guest:
    """A virtual machine (`qemu`) or a container (`lxc`)."""

    vmid: int
    kind: str
    node: str
    config: Config = field(default_factory=dict)
    status: str = "stopped"
    started: float = 0.0
    pid: int = 0
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    parent: str | None = None
    # What the guest keeps in its memory only: lost when it stops, kept by a snapshot with RAM.
    memory: Files = field(default_factory=dict)
    mounts: dict[str, str] = field(default_factory=dict)
    frozen: bool = False
    programs: dict[str, Program] = field(default_factory=dict)
    executions: dict[int, dict[str, Any]] = field(default_factory=dict)
    # What was changed and takes effect at the next start; None for a key that goes then.
    pending: Config = field(default_factory=dict)
    __pydantic_config__ = _BYTES

    @property
    def name(self) -> str:
        """What the guest is called."""
        default = f"VM{self.vmid}" if self.kind == "qemu" else f"CT{self.vmid}"
        return str(self.config.get("name" if self.kind == "qemu" else "hostname", default))

    @property
    def coming(self) -> Config:
        """The configuration as it will be after the next start."""
        changed = {**self.config, **self.pending}
        return {key: value for key, value in changed.items() if value is not None}

    @property
    def label(self) -> str:
        """How messages speak of the guest."""
        return "VM" if self.kind == "qemu" else "CT"

    @property
    def running(self) -> bool:
        """Whether the guest runs."""
        return self.status == "running"


@dataclass(slots=True)
class Pool:
    """A pool of guests and storages."""

    name: str
    comment: str = ""
    vms: list[int] = field(default_factory=list)
    storages: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Token:
    """An API token of a user."""

    secret: str
    privsep: bool = True
    expire: int = 0
    comment: str = ""


@dataclass(slots=True)
class User:
    """A user with a password and tokens."""

    password: str = ""
    enable: bool = True
    expire: int = 0
    comment: str = ""
    groups: list[str] = field(default_factory=list)
    tokens: dict[str, Token] = field(default_factory=dict)


@dataclass(slots=True)
class Grant:
    """One line of the access control list; `kind` is user, group or token."""

    path: str
    kind: str
    subject: str
    role: str
    propagate: bool = True


@dataclass(slots=True)
class TaskRecord:
    """A task as its files under /var/log/pve/tasks tell of it."""

    upid: str
    node: str
    kind: str
    subject: str
    user: str
    pid: int
    pstart: int
    starttime: int
    endtime: int = 0
    exitstatus: str = ""
    log: list[str] = field(default_factory=list)

    @property
    def running(self) -> bool:
        """Whether the task still runs."""
        return not self.exitstatus


@dataclass(slots=True)
class State:
    """The whole cluster."""

    name: str = "drillbook"
    nodes: dict[str, Node] = field(default_factory=dict)
    guests: dict[int, Guest] = field(default_factory=dict)
    volumes: dict[str, Volume] = field(default_factory=dict)
    storages: dict[str, Storage] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    roles: dict[str, list[str]] = field(default_factory=dict)
    grants: list[Grant] = field(default_factory=list)
    tasks: dict[str, TaskRecord] = field(default_factory=dict)
    # Sections of /etc/pve that are no more than named entries: jobs, zones, vnets, ha-resources, ha-rules.
    sections: dict[str, dict[str, Config]] = field(default_factory=dict)
    options: Config = field(default_factory=lambda: {"mac_prefix": "BC:24:11"})
    log: list[Config] = field(default_factory=list)
    # Seconds that this cluster's clock is ahead of the machine's, for tests about age and retention.
    clock_offset: float = 0.0
    counter: int = 0

    def now(self) -> int:
        """Return the cluster's time, in seconds since the epoch."""
        return int(time.time() + self.clock_offset)

    def next_number(self) -> int:
        """Return a number that was not given before."""
        self.counter += 1
        return self.counter

    def section(self, name: str) -> dict[str, Config]:
        """Return one section's entries."""
        return self.sections.setdefault(name, {})

    def pool_of(self, vmid: int) -> Pool | None:
        """Return the pool that a guest belongs to."""
        return next((pool for pool in self.pools.values() if vmid in pool.vms), None)


@cache
def _adapter() -> TypeAdapter[State]:
    return TypeAdapter(State)


def dump_state(state: State) -> bytes:
    """Write the state as JSON; contents are base64."""
    return _adapter().dump_json(state, indent=1)


def load_state(text: bytes) -> State:
    """Read what `dump_state` wrote."""
    return _adapter().validate_json(text)
