"""Objectives, drills, phases, recovery points, checks, verdicts: frozen values without I/O."""

from drillbook.model.checks import Check, CheckStatus, Stage
from drillbook.model.heartbeats import Heartbeat
from drillbook.model.instants import format_instant, parse_instant
from drillbook.model.machines import (
    Ec2Place,
    Machine,
    MachineGroup,
    Place,
    Power,
    ProxmoxPlace,
    Quiesce,
    Retention,
    Snapshot,
)
from drillbook.model.objectives import Objectives
from drillbook.model.phases import Interval, Phase, PhaseTime, Timeline, phase_of_play
from drillbook.model.points import PointRequest, PointType
from drillbook.model.services import Drill, EscrowItem, EvidencePlace, Mode, ObjectStore, Service
from drillbook.model.verdicts import Verdict

__all__ = [
    "Check",
    "CheckStatus",
    "Drill",
    "Ec2Place",
    "EscrowItem",
    "EvidencePlace",
    "Heartbeat",
    "Interval",
    "Machine",
    "MachineGroup",
    "Mode",
    "ObjectStore",
    "Objectives",
    "Phase",
    "PhaseTime",
    "Place",
    "PointRequest",
    "PointType",
    "Power",
    "ProxmoxPlace",
    "Quiesce",
    "Retention",
    "Service",
    "Snapshot",
    "Stage",
    "Timeline",
    "Verdict",
    "format_instant",
    "parse_instant",
    "phase_of_play",
]
