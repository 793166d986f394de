"""What a run works with, handed to it by whoever wires the real things together."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from drillbook.ansible import Playbooks
from drillbook.clock import Clock
from drillbook.journal.journal import Reporter
from drillbook.model import PublishedHeartbeats, Service
from drillbook.run.clean import Cleaner
from drillbook.run.evidence_log import EvidenceWriter
from drillbook.run.gate import Gate
from drillbook.run.plan import Plan, Track
from drillbook.run.record import Who
from drillbook.run.stops import Stops
from drillbook.run.teardown import Removers
from drillbook.run.work import Work


@dataclass(frozen=True, slots=True)
class Tools:
    """What a run works with.

    ``published`` reads a service's published heartbeats. ``work`` makes what does a track's steps
    that are no playbooks; None where each step is one.
    """

    clock: Clock
    playbooks: Playbooks
    removers: Removers
    work: Callable[[Plan, Track, Stops], Work | None]
    evidence: EvidenceWriter
    gate: Gate
    published: Callable[[Service], PublishedHeartbeats]
    cleaner: Cleaner
    who: Who
    state_directory: Path
    clock_offset_limit: timedelta
    reporters: tuple[Reporter, ...] = ()
