"""Carries a plan out: gate, steps, teardown, record, whatever happens on the way."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import DrillbookError
from drillbook.evidence.entries import Entry
from drillbook.model import Verdict
from drillbook.run.execution import Execution
from drillbook.run.hold import hold_all
from drillbook.run.plan import Plan
from drillbook.run.stops import Stops
from drillbook.run.tools import Tools


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run: its record, and the directory with journal, ledger and reports.

    ``entry`` is the entry of the evidence that closed it, and ``trouble`` says what keeps that from being evidence.
    """

    record: Mapping[str, Any]
    directory: Path
    verdict: Verdict
    error: DrillbookError | None
    entry: Entry | None = None
    trouble: str = ""

    @property
    def exit_code(self) -> int:
        """4 when something was left behind, else the error's, else the verdict's; what is no evidence is not proven, which is never 0."""
        if self.record["leftovers"]:
            return 4
        code = self.error.exit_code if self.error else self.verdict.exit_code
        return code or (Verdict.UNPROVEN.exit_code if self.trouble else 0)


class DrillRunner:
    """Runs plans, one at a time on each target."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def run(self, plan: Plan) -> Outcome:
        """Carry out ``plan`` and return its outcome; what could not be done is in the record, with verdict ERROR.

        Raises RefusedError when another run holds the target, and of a drill EvidenceError when the log can't be written.
        """
        tools = self._tools
        stops = Stops(tools.clock)
        with hold_all(tools.state_directory, plan.targets), stops.catching_signals():
            tools.cleaner.clean_after_killed(plan.targets, plan.mode)
            execution = Execution(tools, plan, new_run_id(plan, tools.clock), stops)
            record, error = execution.carry_out()
        evidence = execution.evidence
        return Outcome(record, execution.directory, Verdict(record["verdict"]), error, evidence.entry, evidence.trouble)


def new_run_id(plan: Plan, clock: Clock) -> str:
    """``20251121T101500Z-main-latest-1f2e``: sorts by time, names the drill, and two of one second differ."""
    return f"{clock.now():%Y%m%dT%H%M%SZ}-{plan.name}-{secrets.token_hex(2)}"
