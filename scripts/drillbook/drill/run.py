"""Carries a plan out: gate, steps, teardown, record, whatever happens on the way."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from drillbook.ansible import Playbooks
from drillbook.clock import Clock
from drillbook.drill.clean import Cleaner
from drillbook.drill.evidence_log import EvidenceWriter
from drillbook.drill.execution import Execution
from drillbook.drill.gate import Gate
from drillbook.drill.hold import hold
from drillbook.drill.journal import Reporter
from drillbook.drill.plan import Plan
from drillbook.drill.record import Who
from drillbook.drill.stops import Stops
from drillbook.drill.teardown import Removers
from drillbook.drill.work import Work
from drillbook.errors import DrillbookError
from drillbook.model import Heartbeat, Verdict

ReportWriter = Callable[[Mapping[str, Any], Path], None]


@dataclass(frozen=True, slots=True)
class Tools:
    """What a run works with.

    ``published`` reads a service's published heartbeats, ``reports`` writes the report files. ``work`` makes what does a plan's steps
    that are no playbooks; None where each step is one.
    """

    clock: Clock
    playbooks: Playbooks
    removers: Removers
    work: Callable[[Plan, Stops], Work | None]
    evidence: EvidenceWriter
    gate: Gate
    published: Callable[[str], tuple[Heartbeat, ...]]
    cleaner: Cleaner
    who: Who
    state_directory: Path
    clock_offset_limit: timedelta
    reporters: tuple[Reporter, ...] = ()
    reports: ReportWriter | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run: its record, and the directory with journal, ledger and reports."""

    record: Mapping[str, Any]
    directory: Path
    verdict: Verdict
    error: DrillbookError | None

    @property
    def exit_code(self) -> int:
        """4 when something was left behind, else the error's, else the verdict's."""
        if self.record["leftovers"]:
            return 4
        return self.error.exit_code if self.error else self.verdict.exit_code


class DrillRunner:
    """Runs plans, one at a time per target."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def run(self, plan: Plan) -> Outcome:
        """Carry out ``plan`` and return its outcome; what could not be done is in the record, with verdict ERROR.

        Raises RefusedError when another run holds the target, EvidenceError when the log can't be written.
        """
        tools = self._tools
        stops = Stops(tools.clock)
        with hold(tools.state_directory, plan.target), stops.catching_signals():
            tools.cleaner.clean_after_killed(plan.target)
            execution = Execution(tools, plan, new_run_id(plan, tools.clock), stops)
            record, error = execution.carry_out()
        return Outcome(record, execution.directory, Verdict(record["verdict"]), error)


def new_run_id(plan: Plan, clock: Clock) -> str:
    """``20251121T101500Z-main-latest-1f2e``: sorts by time, names the drill, and two of one second differ."""
    return f"{clock.now():%Y%m%dT%H%M%SZ}-{plan.name}-{secrets.token_hex(2)}"
