"""The part of the schema that machines have: their snapshots, backups and drills."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from drillbook.model import BackupMode, Quiesce
from drillbook.strict import ENDPOINT, Name, Seconds, Strict


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
    outside: tuple[Annotated[str, Field(pattern=f"^{ENDPOINT}$")], ...] = Field(
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
