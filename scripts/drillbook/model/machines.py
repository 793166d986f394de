"""Virtual machines, their snapshots, and the groups that are snapshotted as one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path


class Power(StrEnum):
    """Whether a machine runs."""

    RUNNING = "running"
    STOPPED = "stopped"
    PAUSED = "paused"


class Quiesce(StrEnum):
    """How the members of a group are brought to rest before their snapshots."""

    NONE = "none"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as its provider knows it.

    ``host`` is its inventory name, ``identifier`` the provider's own (VMID, instance id, container), ``place`` where it
    runs (node, availability zone). ``lock`` is what holds it, as the provider names it.
    """

    host: str
    identifier: str
    place: str
    power: Power
    lock: str = ""


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


@dataclass(frozen=True, slots=True)
class MachineGroup:
    """Machines that belong together, in stages: those of a stage at once, the stages one after the other.

    ``window`` is the longest time between the first and the last snapshot for the set to be whole.
    """

    name: str
    provider: str
    stages: tuple[tuple[str, ...], ...]
    quiesce: Quiesce
    ram: bool
    window: timedelta
    retention: Retention

    @property
    def hosts(self) -> tuple[str, ...]:
        """All members, in the order of the stages."""
        return tuple(host for stage in self.stages for host in stage)


@dataclass(frozen=True, slots=True)
class ProxmoxPlace:
    """A Proxmox VE cluster, reached by one of its nodes, and the directory with the tokens of those who ask there."""

    name: str
    host: str
    port: int
    ca_file: Path | None
    tokens_directory: Path


@dataclass(frozen=True, slots=True)
class Ec2Place:
    """A region of EC2. Without ``credentials_file`` boto3 looks for credentials as it always does (profile, instance role)."""

    name: str
    region: str
    endpoint: str | None
    ca_file: Path | None
    credentials_file: Path | None


Place = ProxmoxPlace | Ec2Place
"""Where machines come from."""
