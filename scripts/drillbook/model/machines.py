"""Virtual machines, their snapshots and backups, and the groups that belong together."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum


class Power(StrEnum):
    """Whether a machine runs; unknown where its provider has no word of it."""

    RUNNING = "running"
    STOPPED = "stopped"
    PAUSED = "paused"
    UNKNOWN = "unknown"


class Quiesce(StrEnum):
    """How the members of a group are brought to rest before their snapshots."""

    NONE = "none"
    AGENT = "agent"
    HOOK = "hook"


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as its provider knows it.

    ``host`` is its inventory name, ``identifier`` the provider's own (VMID, instance id, container), ``place`` where it
    runs (node, availability zone). ``lock`` is what holds it, as the provider names it; ``pool`` what it belongs to there, if
    the provider has such a thing.
    """

    host: str
    identifier: str
    place: str
    power: Power
    lock: str = ""
    pool: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One machine's snapshot; ``taken_at`` is the provider's own time of it, ``note`` the text kept with it."""

    host: str
    name: str
    taken_at: datetime
    ram: bool
    note: str


@dataclass(frozen=True, slots=True)
class Retention:
    """How many snapshot sets are kept: the newest ones, and the newest of each hour, day, week, month and year."""

    last: int = 1
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0


class BackupMode(StrEnum):
    """What a machine does while it is backed up: runs on, is suspended meanwhile, or is shut down and started again."""

    SNAPSHOT = "snapshot"
    SUSPEND = "suspend"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class BackupRules:
    """How a group's machines are backed up, how many backups are kept, and how old the newest may be.

    ``storage`` and ``fleecing_storage`` are Proxmox VE's, ``copy_to_region`` is EC2's; what a provider has not is "".
    ``leave_out`` names, by host, the disks that are known to be in no backup (Proxmox VE's ``backup=0``). ``timeout`` is
    what one machine's backup may take.
    """

    storage: str
    mode: BackupMode
    fleecing_storage: str
    copy_to_region: str
    retention: Retention
    maximum_age: timedelta
    leave_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    timeout: timedelta = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Backup:
    """One machine's backup, as its provider lists it.

    ``identifier`` is the provider's own (volume id, image id, image reference), ``place`` where it lies (storage, with the
    node before it where each has its own: ``pve1/local``; region).
    ``source`` is the identifier of the machine that it was taken of; that one may be gone. ``taken_at`` is the provider's
    own time of it. ``size`` is in bytes, None where the provider does not say; ``verified`` is what the provider itself
    found when it last read it, None where it never did. ``warnings`` are what it warned of when it was taken, known only then.
    """

    host: str
    identifier: str
    place: str
    source: str
    taken_at: datetime
    size: int | None = None
    note: str = ""
    protected: bool = False
    verified: bool | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """A machine that a drill is about to make: it stands in the ledger before it exists, and nothing else is ever removed.

    ``identifier`` is the provider's own where it is chosen beforehand (VMID, name of a container), else "" and the
    machine is found by the run's tag.
    """

    provider: str
    host: str
    identifier: str
    run_id: str


@dataclass(frozen=True, slots=True)
class SshOptions:
    """What the inventory says of the way to a host, as Ansible takes it: "" where it says nothing.

    ``port`` is ``ansible_port``, ``private_key_file`` is ``ansible_ssh_private_key_file``. The others are ``ansible_ssh_args``,
    ``ansible_ssh_common_args`` and ``ansible_ssh_extra_args``: options in one line, quoted for a shell, such as a jump host.
    """

    port: str = ""
    private_key_file: str = ""
    args: str = ""
    common_args: str = ""
    extra_args: str = ""


@dataclass(frozen=True, slots=True)
class SandboxHost:
    """A host of the inventory that drills restore into: it is there only while a run needs it, and ``provider`` makes it then.

    ``disk_bytes`` is the least that its disk must hold; 0 where that of its template will do. ``address`` is what the inventory says as
    `ansible_host`; "" where it says none.
    """

    host: str
    provider: str
    disk_bytes: int = 0
    address: str = ""
    ssh: SshOptions = SshOptions()


@dataclass(frozen=True, slots=True)
class Login:
    """How a new host is logged in to: Ansible's ``variables``, and its public ``host_key`` (``ssh-ed25519 AAAA...``), read from the host itself.

    The key is "" where the controller knows it already.
    """

    variables: Mapping[str, str]
    host_key: str = ""


@dataclass(frozen=True, slots=True)
class NetworkCard:
    """A machine's card as the provider reports it: its network (bridge; subnet and security groups; podman network).

    ``address`` is what the provider itself gives the machine on it; "" where the machine has the address that its disk says.
    """

    name: str
    network: str
    mac: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class GuestAnswer:
    """What a program inside a machine ended with; ``output`` is its standard output."""

    exit_code: int
    output: str


@dataclass(frozen=True, slots=True)
class MachineProbes:
    """What is looked at inside a restored machine: TCP ports that must answer, and systemd units that must be active."""

    ports: tuple[int, ...] = ()
    units: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QuiesceHook:
    """The playbooks that bring a group's service to rest and let it go on; each is ended after ``timeout``."""

    quiesce_playbook: str
    resume_playbook: str
    timeout: timedelta


@dataclass(frozen=True, slots=True)
class MachineGroup:
    """Machines that belong together, in stages: those of a stage at once, the stages one after the other.

    ``window`` is the longest time between the first and the last snapshot for the set to be whole. ``probes`` are by host;
    ``heartbeat_file`` is the path inside each machine, ``ready_timeout`` how long one may take to be as it should after its start;
    ``outside`` (address:port) and ``outside_names`` are what a drill tries to reach and must not. ``hook`` is there with ``Quiesce.HOOK`` only.
    ``lock_wait`` is how long one command waits in all for members that something else holds; zero refuses them at once.
    """

    name: str
    provider: str
    stages: tuple[tuple[str, ...], ...]
    quiesce: Quiesce
    ram: bool
    window: timedelta
    retention: Retention
    backup: BackupRules | None
    probes: Mapping[str, MachineProbes]
    heartbeat_file: str
    ready_timeout: timedelta = timedelta(minutes=5)
    outside: tuple[str, ...] = ()
    outside_names: tuple[str, ...] = ()
    hook: QuiesceHook | None = None
    lock_wait: timedelta = timedelta(minutes=10)

    @property
    def hosts(self) -> tuple[str, ...]:
        """All members, in the order of the stages."""
        return tuple(host for stage in self.stages for host in stage)

    def only(self, hosts: Collection[str]) -> "MachineGroup":
        """The group with these of its members alone, in its order and under its name."""
        kept = (tuple(host for host in stage if host in hosts) for stage in self.stages)
        return replace(self, stages=tuple(filter(None, kept)))
