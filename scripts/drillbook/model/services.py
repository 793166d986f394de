"""What is in the inventory: services, drills, and what they need."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from drillbook.model.objectives import Objectives
from drillbook.model.points import PointRequest

MACHINES = "machines"
"""The kind of service that is a group of whole machines; every other kind is restored by its roles."""


class Mode(StrEnum):
    """Where a restore goes."""

    SANDBOX = "sandbox"
    IN_PLACE = "in_place"


@dataclass(frozen=True, slots=True)
class Service:
    """A service that holds data: one inventory group, its objectives and how often it leaves a trace.

    ``granularity`` is the longest time from a change to the next moment that can be restored: PostgreSQL's archive timeout,
    the interval of the backups of machines;
    ``provision_playbook`` makes lost machines again, before a restore in place.
    """

    name: str
    kind: str
    group: str
    hosts: tuple[str, ...]
    objectives: Objectives
    heartbeat_interval: timedelta
    heartbeat_publish_interval: timedelta
    granularity: timedelta
    provision_playbook: str | None = None


@dataclass(frozen=True, slots=True)
class Drill:
    """A rehearsal of a restore: of what, from which point, into which sandbox host."""

    name: str
    service: Service
    sandbox: str
    point: PointRequest
    objectives: Objectives
    repository_as_of_disaster: bool
    step_timeout: timedelta
    run_deadline: timedelta
    description: str = ""


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """The S3 store of repository, heartbeats and the evidence anchor; keys lie in files, one per user."""

    endpoint: str
    region: str
    ca_file: Path | None
    repository_bucket: str
    repository_path: str
    evidence_bucket: str
    heartbeat_bucket: str
    credentials_directory: Path


@dataclass(frozen=True, slots=True)
class EvidencePlace:
    """Where the evidence log and its signing key are, and whether an object-locked bucket anchors it."""

    directory: Path
    signing_key_file: Path
    anchored: bool
    anchor_prefix: str


@dataclass(frozen=True, slots=True)
class EscrowItem:
    """Something without which nothing can be restored, and its copy outside the failure domain.

    ``source`` is what is in use, ``copy`` a file or ``command`` a program that prints the copy;
    ``host`` names where the copy is kept.
    """

    name: str
    host: str
    source: Path | None = None
    copy: Path | None = None
    command: tuple[str, ...] = ()
    sha256: str | None = None
