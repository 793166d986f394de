"""The one schema of the ``drillbook_*`` variables; validation, documentation and JSON Schema come from it."""

from collections.abc import Iterable, Iterator
from functools import reduce
from operator import or_
from typing import Annotated, Any, Self, get_args

from pydantic import BaseModel, Field, create_model, model_validator

from drillbook.kinds.declaration import ServiceKind, ServiceVariables
from drillbook.kinds.machines.settings import MachinesVariables
from drillbook.model import PointType
from drillbook.providers import Place
from drillbook.strict import AbsolutePath, Days, Name, Seconds, Strict


class PointVariables(Strict):
    """Which recovery point a drill takes."""

    type: PointType = Field(default=PointType.LATEST, description="how the point is named")
    target: str | None = Field(default=None, description="for time, lsn, xid and name")
    exclusive: bool = Field(default=False, description="stop just before the target instead of just after it")


class DrillVariables(Strict):
    """One rehearsal; written beside the service."""

    name: Name = Field(description="unique in the inventory")
    sandbox: str | None = Field(
        default=None,
        description="host of the group `sandbox` that the service is restored into; machines go into their provider's `drill` range",
    )
    description: str = Field(default="", description="what it is for, for the report")
    point: PointVariables = Field(default=PointVariables(), description="recovery point")
    rto_seconds: Seconds | None = Field(
        default=None, description="another objective than the service's, for this drill only"
    )
    repository_as_of_disaster: bool = Field(
        default=True,
        description="with a disaster that is only simulated, ignore what came into the repository after that moment",
    )
    step_timeout_seconds: Seconds | None = Field(
        default=None, description="instead of `drillbook_step_timeout_seconds`"
    )
    run_deadline_seconds: Seconds | None = Field(
        default=None, description="instead of `drillbook_run_deadline_seconds`"
    )


class SandboxVariables(Strict):
    """A sandbox host, which is there only while a drill needs it."""

    host: str = Field(description="host of the group `sandbox`")
    provider: Name = Field(description="name in `drillbook_providers` of what makes it; its `drill` range holds it")
    disk_bytes: int = Field(
        default=0,
        ge=0,
        description="what its disk must be at least; the lab gives it a disk of its own for the data. 0: as its template",
    )


class RepositoryVariables(Strict):
    """A place in the store that recovery points lie in."""

    bucket: str = Field(description="its bucket")
    path: str = Field(default="/", pattern=r"^/", description="its path in the bucket")
    retention_days: Days = Field(
        default=30, description="how far back each moment can be restored; the role pgbackrest keeps backups as long"
    )
    full_interval_days: Days = Field(
        default=7,
        description="longest time between two full backups; the bucket must be locked for both and a day more",
    )


class ObjectStoreVariables(Strict):
    """The S3 store as the controller reaches it. Keys are read from `<credentials_directory>/<user>.json`."""

    endpoint: str = Field(pattern=r"^https://", description="URL; TLS is not optional")
    region: str = Field(default="us-east-1", description="region name to sign for")
    ca_file: AbsolutePath | None = Field(
        default=None, description="CA of the store's certificate; the system's if left out"
    )
    repositories: dict[Name, RepositoryVariables] = Field(
        default={}, description="where recovery points lie, by name; each kind of service says which it needs"
    )
    evidence_bucket: str = Field(description="object-locked bucket that anchors the evidence log")
    evidence_days: Days = Field(default=400, description="least number of days that this bucket must lock each entry")
    heartbeat_bucket: str = Field(description="bucket with the newest acknowledged heartbeats")
    credentials_directory: AbsolutePath = Field(
        description="holds `auditor.json`, `repository_reader.json` and `evidence_writer.json`: {access_key, secret_key}, mode 0600"
    )


class EvidenceVariables(Strict):
    """The signed log of every run."""

    directory: AbsolutePath = Field(description="where the entries are")
    signing_key_file: AbsolutePath = Field(description="Ed25519 private key, made when it is missing, mode 0600")
    anchored: bool = Field(
        default=True, description="also put each entry into `drillbook_object_store.evidence_bucket`"
    )
    anchor_prefix: str = Field(
        default="",
        description="where in that bucket; each controller needs one of its own. Required where entries are anchored",
    )

    @model_validator(mode="after")
    def _is_one_controllers(self) -> Self:
        if self.anchored and not self.anchor_prefix.strip("/"):
            raise ValueError(
                "give anchor_prefix, one for each controller: two in one place overwrite each other's entries"
            )
        return self


class EscrowVariables(Strict):
    """A thing without which nothing comes back, and its copy outside the failure domain."""

    name: str = Field(description="what it is: repository key, vault key, CA, inventory")
    host: str = Field(description="where the copy is kept; must not be a host of a service")
    source: AbsolutePath | None = Field(default=None, description="the file or directory in use on the controller")
    copy_file: AbsolutePath | None = Field(
        default=None, description="the copy, as a file or directory that the controller can read"
    )
    command: tuple[str, ...] = Field(
        default=(),
        description="program, as a list, that prints the copy, of a directory what `sha256sum` prints; instead of `copy_file`",
    )
    sha256: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{64}$", description="fingerprint in use, where `source` can't be read here"
    )
    archive: tuple[str, ...] = Field(
        default=(),
        description="program, as a list, that prints the copy of the directory `source` as a tar archive, for `drill run --from-escrow`",
    )

    @model_validator(mode="after")
    def _can_be_compared(self) -> Self:
        if (self.copy_file is None) == (not self.command):
            raise ValueError(f"{self.name}: give either copy_file or command")
        if self.source is None and self.sha256 is None:
            raise ValueError(f"{self.name}: give source or sha256, or a wrong copy can't be told from the right one")
        if self.archive and self.source is None:
            raise ValueError(f"{self.name}: give source, for the copy in archive is to stand there")
        return self


class GlobalVariables(Strict):
    """Keys of the group `all`."""

    drillbook_state_directory: AbsolutePath = Field(description="journals, ledgers, reports and locks")
    drillbook_object_store: ObjectStoreVariables = Field(description="the S3 store")
    drillbook_evidence: EvidenceVariables = Field(description="the evidence log")
    drillbook_clock_offset_limit_seconds: Seconds = Field(
        default=2.0, description="largest difference between a host's clock and the store's; more is a clock fault"
    )
    drillbook_run_deadline_seconds: Seconds = Field(default=3600.0, description="a run is ended after this")
    drillbook_step_timeout_seconds: Seconds = Field(
        default=1800.0, description="a step (one playbook) is ended after this"
    )
    drillbook_escrow: tuple[EscrowVariables, ...] = Field(
        default=(), description="what `drillbook escrow check` looks for"
    )
    drillbook_providers: tuple[Place, ...] = Field(default=(), description="where machines come from")
    drillbook_sandboxes: tuple[SandboxVariables, ...] = Field(
        default=(), description="the hosts that drills restore into"
    )
    drillbook_machines_at_once: int = Field(default=8, gt=0, description="how many machines are worked on at once")
    drillbook_machine_timeout_seconds: Seconds = Field(
        default=900.0, description="longest time that one machine's snapshot, or going back to it, may take"
    )


class GroupVariables(Strict):
    """Keys of a group."""

    drillbook_service: ServiceVariables | None = Field(default=None, description="the service that this group is")
    drillbook_drills: tuple[DrillVariables, ...] = Field(default=(), description="the service's drills")
    drillbook_machines: MachinesVariables | None = Field(default=None, description="its hosts as machines")


def group_variables(kinds: Iterable[ServiceKind]) -> type[GroupVariables]:
    """The keys of a group, where a service is of one of ``kinds``: a key of another kind is unknown."""
    services = reduce(or_, (kind.service for kind in kinds))
    described = GroupVariables.model_fields["drillbook_service"].description
    service: Any = (Annotated[services, Field(discriminator="kind")] | None, Field(default=None, description=described))
    return create_model(
        "GroupVariables", __base__=GroupVariables, __doc__=GroupVariables.__doc__, drillbook_service=service
    )


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a value of this type may hold, whatever it holds them in."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)
