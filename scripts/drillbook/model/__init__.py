"""Objectives, drills, phases, recovery points, checks, verdicts: frozen values without I/O."""

from drillbook.model.backup_notes import BackupNote
from drillbook.model.checks import Check, CheckStatus, Stage
from drillbook.model.heartbeats import Heartbeat
from drillbook.model.instants import format_instant, parse_instant
from drillbook.model.machines import (
    Backup,
    BackupMode,
    BackupRules,
    Claim,
    GuestAnswer,
    Machine,
    MachineGroup,
    MachineProbes,
    NetworkCard,
    Power,
    Quiesce,
    QuiesceHook,
    Retention,
    Snapshot,
)
from drillbook.model.objectives import Objectives
from drillbook.model.phases import Interval, Phase, PhaseTime, Timeline, phase_of_play
from drillbook.model.points import MACHINE_POINTS, PointRequest, PointType
from drillbook.model.services import MACHINES, Drill, EscrowItem, EvidencePlace, Mode, ObjectStore, Service
from drillbook.model.steps import Step
from drillbook.model.verdicts import Verdict

__all__ = [
    "MACHINES",
    "MACHINE_POINTS",
    "Backup",
    "BackupMode",
    "BackupNote",
    "BackupRules",
    "Check",
    "CheckStatus",
    "Claim",
    "Drill",
    "EscrowItem",
    "EvidencePlace",
    "GuestAnswer",
    "Heartbeat",
    "Interval",
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
    "Quiesce",
    "QuiesceHook",
    "Retention",
    "Service",
    "Snapshot",
    "Stage",
    "Step",
    "Timeline",
    "Verdict",
    "format_instant",
    "parse_instant",
    "phase_of_play",
]
