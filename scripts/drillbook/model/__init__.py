"""Objectives, drills, phases, recovery points, checks, verdicts: frozen values without I/O."""

from drillbook.model.backup_notes import BackupNote
from drillbook.model.checks import Check, CheckStatus, Stage
from drillbook.model.heartbeats import HEARTBEAT_LIMIT, Heartbeat, PublishedHeartbeats
from drillbook.model.instants import format_instant, in_seconds, parse_instant
from drillbook.model.machines import (
    Backup,
    BackupMode,
    BackupRules,
    Claim,
    GuestAnswer,
    Login,
    Machine,
    MachineGroup,
    MachineProbes,
    NetworkCard,
    Power,
    Quiesce,
    QuiesceHook,
    Retention,
    SandboxHost,
    Snapshot,
    SshOptions,
)
from drillbook.model.objectives import Objectives
from drillbook.model.phases import Interval, Phase, PhaseTime, Timeline, phase_of_play
from drillbook.model.places import EscrowItem, EvidencePlace, InUse, ObjectStore, Repository
from drillbook.model.points import PointRequest, PointType
from drillbook.model.recovery_points import Asked, Catalog, CatalogSet, CatalogTimeline, Hole, RecoveryPoints
from drillbook.model.services import Destination, Drill, Kind, Mode, Service
from drillbook.model.steps import Step
from drillbook.model.verdicts import Verdict

__all__ = [
    "HEARTBEAT_LIMIT",
    "Asked",
    "Backup",
    "BackupMode",
    "BackupNote",
    "BackupRules",
    "Catalog",
    "CatalogSet",
    "CatalogTimeline",
    "Check",
    "CheckStatus",
    "Claim",
    "Destination",
    "Drill",
    "EscrowItem",
    "EvidencePlace",
    "GuestAnswer",
    "Heartbeat",
    "Hole",
    "InUse",
    "Interval",
    "Kind",
    "Login",
    "Machine",
    "MachineGroup",
    "MachineProbes",
    "Mode",
    "NetworkCard",
    "ObjectStore",
    "Objectives",
    "Phase",
    "PhaseTime",
    "PointRequest",
    "PointType",
    "Power",
    "PublishedHeartbeats",
    "Quiesce",
    "QuiesceHook",
    "RecoveryPoints",
    "Repository",
    "Retention",
    "SandboxHost",
    "Service",
    "Snapshot",
    "SshOptions",
    "Stage",
    "Step",
    "Timeline",
    "Verdict",
    "format_instant",
    "in_seconds",
    "parse_instant",
    "phase_of_play",
]
