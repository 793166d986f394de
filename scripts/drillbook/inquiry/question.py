"""One question while it is asked: its directory, its ledger, its playbook; all of it goes when it is over."""

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from drillbook import process
from drillbook.ansible import Order, PlaybookFailedError, StepTimeoutError
from drillbook.errors import DrillbookError
from drillbook.inquiry.asking import Asking
from drillbook.journal.ledger import Ledger, Resource, ResourceKind, process_resource
from drillbook.model import Check, CheckStatus, Mode, format_instant
from drillbook.run.stops import StoppableClock, Stops
from drillbook.run.teardown import batches, remove_together

PLAYBOOK = "playbooks/recovery_points.yml"
_FACT_REACHED = "reached"
_FACT_POINTS = "recovery_points"


@dataclass
class Heard:
    """Implements `Watcher`: who could be reached, what was answered, what failed where, and which check of a sandbox did not hold."""

    reached: list[str] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    unsafe: str = ""

    def play_started(self, name: str) -> None:
        """Nothing: a question has no phases."""

    def check(self, check: Check) -> None:
        """Keep the first that failed, such as of the isolation: what was read there is not taken."""
        if check.status is CheckStatus.FAILED:
            self.unsafe = self.unsafe or f"{check.name}: {check.message or check.actual}"

    def fact(self, name: str, value: Any) -> None:
        """Keep what was reached and what was answered."""
        if name == _FACT_REACHED:
            self.reached.append(str(value))
        elif name == _FACT_POINTS and isinstance(value, Mapping):
            self.answers[str(value["host"])] = value

    def task_runs(self, task: str, running: timedelta) -> None:
        """Nothing: nobody watches a question."""

    def task_failed(self, host: str, task: str, message: str) -> None:
        """Keep the first failure of each host."""
        self.failures.setdefault(host, f"{task}: {message}")


class Question:
    """What is done for one question. Everything that it makes stands in its ledger first, as for a drill."""

    def __init__(self, asking: Asking, run_id: str, stops: Stops) -> None:
        self.asking = asking
        self.run_id = run_id
        self.stops = stops
        self.clock = StoppableClock(asking.clock, stops)
        self.directory = asking.state_directory / "runs" / run_id
        self.ledger = Ledger(self.directory, asking.clock)
        self.left: tuple[str, ...] = ()
        self._played = 0

    def hold_in_ledger(self, *targets: str) -> None:
        """Write down whose question it is, and which hosts it holds, with those before, while anything of it is there."""
        me = process.ProcessIdentity.of(os.getpid())
        known = dict.fromkeys((*self.ledger.targets, *targets))
        self.ledger.intend(process_resource(ResourceKind.OWNER, me, targets=list(known)))

    def scratch(self) -> Path:
        """A directory for what holds secrets, for its owner alone. It goes with the question, or with `drillbook drill clean`."""
        path = self.directory / "scratch"
        self.ledger.intend(Resource(ResourceKind.FILE, str(path)))
        path.mkdir(mode=0o700)
        return path

    def play(self, place: str, hosts: Sequence[str], inventory: Path | None = None, **variables: str) -> Heard:
        """Have the first of ``hosts`` that can be reached answer; what it heard is returned, also where a task failed.

        Raises StoppedError.
        """
        self._played += 1
        heard, service, moment = Heard(), self.asking.service, self.asking.repository_time
        order = Order(
            step=f"recovery-points-{self._played}",
            playbook=PLAYBOOK,
            run_id=self.run_id,
            variables={
                "restore_kind": service.kind.name,
                "restore_service": service.name,
                "restore_group": service.group,
                "restore_mode": Mode.SANDBOX.value,
                "restore_point": {"repository_time": moment and format_instant(moment)},
                "recovery_points_place": place,
                "recovery_points_hosts": list(hosts),
                **variables,
            },
            timeout=self.asking.step_timeout,
            ledger_directory=self.directory,
            inventory=inventory,
        )
        try:
            self.asking.playbooks().run(order, heard, self.stops.reason)
        except (PlaybookFailedError, StepTimeoutError) as error:
            heard.failures.setdefault("", error.message)
        return heard

    def tear_down(self) -> None:
        """Remove what was made, newest first. What can't be removed is in `left`, and in the ledger for `drillbook drill clean`."""
        for together in batches(self.ledger.outstanding()):
            try:
                remove_together(together, run_id=self.run_id, ledger=self.ledger, removers=self.asking.removers)
            except (DrillbookError, OSError) as error:
                self.asking.tell(f"drillbook: {error}")
        process.kill_marked(self.run_id)
        self.left = tuple(f"{entry.kind} {entry.name}" for entry in self.ledger.outstanding())

    def close(self) -> None:
        """Forget the question, unless something of it is left."""
        owner = self.ledger.owner()
        if owner is not None:
            self.ledger.settle(owner)
        if not self.left:
            shutil.rmtree(self.directory)


@contextmanager
def open_question(asking: Asking) -> Iterator[Question]:
    """Ask a question for the length of the block; SIGINT, SIGTERM and SIGHUP end it in the ordinary way, with its teardown."""
    stops = Stops(asking.clock)
    run_id = f"{asking.clock.now():%Y%m%dT%H%M%SZ}-{asking.service.name}-recovery-points-{secrets.token_hex(2)}"
    question = Question(asking, run_id, stops)
    with stops.catching_signals():
        question.directory.mkdir(parents=True, mode=0o700)
        question.hold_in_ledger()
        try:
            yield question
        finally:
            question.tear_down()
            question.close()
