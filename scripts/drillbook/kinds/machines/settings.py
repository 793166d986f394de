"""The part of the schema that machines have: where they come from, their snapshots, backups and drills."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from drillbook.model import BackupMode, Quiesce
from drillbook.strict import AbsolutePath, Name, Seconds, Strict


class ProxmoxDrillVariables(Strict):
    """The only guests that a drill makes and removes: by number, pool and the tag of the run, all three."""

    first_vmid: int = Field(
        ge=100, lt=1000000000, description="first number of the range; no other guest may have one of it"
    )
    last_vmid: int = Field(ge=100, lt=1000000000, description="last number of the range")
    pool: str = Field(description="pool of the drill's guests; it holds no other")
    node: str = Field(description="node that they are restored on")
    storage: str = Field(description="storage for their disks")
    bridge: str = Field(description="isolated bridge or VNet that each of their network cards is put on")
    backup_storage: str = Field(
        description="storage entry that backups are read by: the same Proxmox Backup Server with an account that only reads"
    )
    control: str = Field(
        default="",
        pattern=r"^($|[0-9.]+:[0-9]+$)",
        description="address:port in the isolated network that answers; without one a single machine's isolation stays unproven",
    )

    live: bool = Field(
        default=False,
        description="live-restore: start at once, fetch the disks meanwhile (Proxmox Backup Server); both times are reported",
    )

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.last_vmid < self.first_vmid:
            raise ValueError(f"last_vmid {self.last_vmid} is less than first_vmid {self.first_vmid}")
        return self


class ProxmoxVariables(Strict):
    """A Proxmox VE cluster. Each token has a file: `snapshots.json`, `backups.json`, `drill.json`, `recovery.json`: {id, secret}, mode 0600."""

    name: Name = Field(description="unique in the inventory")
    kind: Literal["proxmox"] = Field(description="`proxmox`")
    host: str = Field(description="a node of the cluster, by a name that is in its certificate")
    port: int = Field(default=8006, gt=0, lt=65536, description="port of its interface")
    ca_file: AbsolutePath | None = Field(default=None, description="CA of its certificate; the system's if left out")
    tokens_directory: AbsolutePath = Field(description="where the tokens are")
    drill: ProxmoxDrillVariables | None = Field(default=None, description="where drills make machines")


class Ec2DrillVariables(Strict):
    """Where drills make machines. What they made is removed only if name, subnet and the tag of the run all match."""

    subnet: str = Field(
        pattern=r"^subnet-[0-9a-z]+$", description="isolated subnet: no route but the local one and to VPC endpoints"
    )
    security_group: str = Field(
        pattern=r"^sg-[0-9a-z]+$", description="isolated group: it leads to itself and to the subnet, nowhere else"
    )
    instance_type: str = Field(
        pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$",
        description="type of the drill's instances, with room for the backups' cards",
    )
    instance_profile: str = Field(
        pattern=r"^[A-Za-z0-9+=,.@_-]+$",
        description="instance profile that lets Systems Manager's agent in, and nothing else",
    )
    control: str = Field(
        default="",
        pattern=r"^($|[0-9.]+:[0-9]+$)",
        description="address:port in the isolated subnet that answers; without one a single machine's isolation stays unproven",
    )


class Ec2Variables(Strict):
    """A region of EC2."""

    name: Name = Field(description="unique in the inventory")
    kind: Literal["ec2"] = Field(description="`ec2`")
    region: str = Field(description="the region")
    endpoint: str | None = Field(
        default=None, pattern=r"^https?://", description="URL of another cloud that speaks EC2"
    )
    ca_file: AbsolutePath | None = Field(default=None, description="CA of its certificate; the system's if left out")
    credentials_directory: AbsolutePath | None = Field(
        default=None,
        description="holds `snapshots.json`, `backups.json`, `drill.json`: {access_key, secret_key}, mode 0600; left out, boto3 finds its own (profile, role)",
    )
    drill: Ec2DrillVariables | None = Field(default=None, description="where drills make machines")


class LabDrillVariables(Strict):
    """Where a drill's containers go."""

    network: str = Field(description="isolated podman network")
    control: str = Field(default="", pattern=r"^($|[0-9.]+:[0-9]+$)", description="address:port in it that answers")


class LabVariables(Strict):
    """The lab's own containers on this machine. Their copies are crash-consistent at best, and never hold memory."""

    name: Name = Field(description="unique in the inventory")
    kind: Literal["lab"] = Field(description="`lab`")
    prefix: Name = Field(description="the lab's prefix")
    containers_conf: AbsolutePath = Field(description="the lab's containers.conf")
    drill: LabDrillVariables | None = Field(default=None, description="where drills make containers")


ProviderVariables = Annotated[ProxmoxVariables | Ec2Variables | LabVariables, Field(discriminator="kind")]


class RetentionVariables(Strict):
    """How many snapshot sets, or backups of a machine, are kept; the newest good one always is."""

    last: int = Field(default=1, ge=0, description="the newest ones")
    hourly: int = Field(default=0, ge=0, description="the newest of each of so many hours")
    daily: int = Field(default=0, ge=0, description="of so many days (UTC)")
    weekly: int = Field(default=0, ge=0, description="of so many weeks, from Monday on")
    monthly: int = Field(default=0, ge=0, description="of so many months")
    yearly: int = Field(default=0, ge=0, description="of so many years")


class BackupVariables(Strict):
    """How the group's machines are backed up."""

    storage: str = Field(
        default="", description="Proxmox VE: storage for backups (Proxmox Backup Server, or one with content `backup`)"
    )
    mode: BackupMode = Field(
        default=BackupMode.SNAPSHOT,
        description="`snapshot`: runs on; `suspend`; `stop`: shut down and started again (EC2: stopped for the image's moment)",
    )
    fleecing_storage: str = Field(
        default="", description="Proxmox VE: fast local storage that holds what the guest overwrites meanwhile"
    )
    copy_to_region: str = Field(default="", description="EC2: a second region that each backup is copied to")
    leave_out: dict[str, tuple[str, ...]] = Field(
        default={},
        description="Proxmox VE, by host: disks with `backup=0` (scsi1) that are meant to be in no backup; others refuse it",
    )
    retention: RetentionVariables = Field(
        default=RetentionVariables(), description="what `backup prune` keeps of each machine"
    )
    timeout_seconds: Seconds = Field(default=14400.0, description="what the backup of one machine may take")
    maximum_age_seconds: Seconds = Field(default=90000.0, description="the newest backup of a machine may be so old")


class MachineProbesVariables(Strict):
    """What is looked at inside a restored machine."""

    ports: tuple[Annotated[int, Field(gt=0, lt=65536)], ...] = Field(
        default=(), description="TCP ports that must answer"
    )
    units: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9:_.@\\-]+$")], ...] = Field(
        default=(), description="systemd units that must be active"
    )


class MachinesVariables(Strict):
    """The group's hosts as machines of a provider that belong together. A machine has its host's inventory name."""

    provider: Name = Field(description="where they are: a name of `drillbook_providers`")
    order: tuple[tuple[str, ...], ...] = Field(
        default=(),
        description="stages: hosts of one are snapshotted and started together, the stages in this order; all at once if left out",
    )
    quiesce: Quiesce = Field(
        default=Quiesce.NONE,
        description=(
            "how all members are brought to rest before the first snapshot: `agent` freezes their file systems, "
            "`hook` runs the service's own playbooks"
        ),
    )
    quiesce_playbook: str | None = Field(
        default=None,
        pattern=r"^playbooks/[a-z0-9_]+\.yml$",
        description="with `hook`: playbook that brings the service of the group `quiesce_group` to rest",
    )
    resume_playbook: str | None = Field(
        default=None,
        pattern=r"^playbooks/[a-z0-9_]+\.yml$",
        description="with `hook`: playbook that lets it go on; it runs on every way out, and must be safe at any time and twice",
    )
    quiesce_timeout_seconds: Seconds = Field(
        default=60.0, description="with `hook`: each of the two playbooks is ended after this; clients wait meanwhile"
    )
    ram: bool = Field(
        default=False, description="keep the memory, too; not with `quiesce: agent`, as it would come back frozen"
    )
    window_seconds: Seconds = Field(
        default=10.0,
        description="longest time between first and last snapshot, if the members are not at rest; beyond it the set is torn",
    )
    lock_wait_seconds: float = Field(
        default=600.0,
        ge=0,
        allow_inf_nan=False,
        description="longest time that a command waits for machines that are locked (a backup, a migration); 0: refuse at once",
    )
    retention: RetentionVariables = Field(default=RetentionVariables(), description="what `snapshot prune` keeps")
    backup: BackupVariables | None = Field(default=None, description="how they are backed up")
    probes: dict[str, MachineProbesVariables] = Field(
        default={}, description="by host: what a drill looks at inside the restored machine"
    )
    heartbeat_file: str = Field(
        default="/var/lib/drillbook/heartbeat.json",
        pattern=r"^/[A-Za-z0-9._/-]+$",
        description="where the backup agent keeps the newest heartbeat inside each machine",
    )
    ready_seconds: Seconds = Field(
        default=300.0, description="longest time from a restored machine's start until its probes are green"
    )
    outside: tuple[Annotated[str, Field(pattern=r"^[0-9.]+:[0-9]+$")], ...] = Field(
        default=("1.1.1.1:443", "9.9.9.9:53"),
        description="address:port of the internet that a drill tries to reach from inside, and must not",
    )
    outside_names: tuple[Annotated[str, Field(pattern=r"^[a-z0-9.-]+$")], ...] = Field(
        default=("example.com",), description="names that a drill tries to resolve from inside, and must not"
    )

    @model_validator(mode="after")
    def _hook_is_whole(self) -> Self:
        given = [key for key in ("quiesce_playbook", "resume_playbook") if getattr(self, key) is not None]
        if self.quiesce is Quiesce.HOOK and len(given) < 2:
            raise ValueError("quiesce: hook needs both quiesce_playbook and resume_playbook")
        if self.quiesce is not Quiesce.HOOK and given:
            raise ValueError(f"{' and '.join(given)}: run only with quiesce: hook")
        return self

    @model_validator(mode="after")
    def _keeps_no_frozen_memory(self) -> Self:
        """Going back loads the memory as it was, frozen file systems with it, and nothing thaws them: every write hangs."""
        if self.ram and self.quiesce is Quiesce.AGENT:
            raise ValueError(
                "ram: true keeps the memory of a guest whose file systems are frozen by quiesce: agent;"
                " use quiesce: none or quiesce: hook with it"
            )
        return self
