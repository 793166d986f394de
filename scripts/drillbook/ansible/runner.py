"""Playbooks on ansible-runner: events as they come, a hard end for whatever hangs, nothing left on disk."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_runner.config.runner import RunnerConfig
from ansible_runner.runner import Runner

from drillbook import process
from drillbook.ansible.child import wrapped
from drillbook.ansible.events import EventReader, plain
from drillbook.ansible.long_tasks import LongTasks
from drillbook.ansible.playbooks import Order, PlaybookFailedError, StepTimeoutError, StoppedError, Watcher
from drillbook.clock import Clock
from drillbook.controller import ansible_environment
from drillbook.errors import ConfigurationError
from drillbook.journal.ledger import Ledger, Resource, ResourceKind

if TYPE_CHECKING:
    from datetime import timedelta

_POLL_SECONDS = 1
_OUTPUT_TAIL = 1500
_REMEDY_FAILED = "Correct the cause, then run it again; the run's journal has every event."


class AnsibleRunnerPlaybooks:
    """Runs the repository's playbooks with the given inventories.

    ``mitogen`` swaps the strategy through the environment.
    """

    def __init__(self, *, root: Path, inventories: Sequence[Path], clock: Clock, mitogen: bool = False) -> None:
        self._root = root
        self._inventories = [str(path.resolve()) for path in inventories]
        self._clock = clock
        self._mitogen = mitogen

    def run(self, order: Order, watcher: Watcher, stop_reason: Callable[[], str | None]) -> None:
        """Run one playbook; see ``Playbooks.run``."""
        ledger = Ledger(order.ledger_directory, self._clock)
        private = order.ledger_directory / f"runner-{order.step}"
        folder = Resource(ResourceKind.FILE, str(private))
        ledger.intend(folder)
        private.mkdir(mode=0o700)
        try:
            self._run(order, private, watcher, stop_reason)
        except BaseException:
            process.kill_marked(order.run_id)
            raise
        finally:
            _settle_processes(ledger)
            shutil.rmtree(private)
            ledger.settle(folder)

    def _run(self, order: Order, private: Path, watcher: Watcher, stop_reason: Callable[[], str | None]) -> None:
        reader = EventReader(watcher)
        deadline = self._clock.monotonic() + order.timeout
        long_tasks = LongTasks(watcher, self._clock)
        reasons: list[str] = []
        late: list[timedelta] = []

        def cancelled() -> bool:
            long_tasks.look()
            if self._clock.monotonic() >= deadline:
                late.append(order.timeout)
            reason = stop_reason()
            if reason is not None:
                reasons.append(reason)
            return bool(late or reasons)

        def handle(event: Mapping[str, Any]) -> bool:
            long_tasks.read(event)
            reader(event)
            return False  # nothing of the event is to be written to disk

        runner = Runner(self._config(order, private), cancel_callback=cancelled, event_handler=handle)
        runner.run()
        where = f"step {order.step}"
        if reasons:
            raise StoppedError(reasons[0], where=where, remedy="Run it again when nothing ends it early.")
        if late:
            raise StepTimeoutError(
                f"{order.playbook} was not done after {order.timeout.total_seconds():.0f} s and was killed",
                where=where,
                remedy="See in the journal where it hung; raise step_timeout_seconds only if it merely needs longer.",
            )
        if runner.rc != 0:
            raise _failed(order, reader, private)

    def _config(self, order: Order, private: Path) -> RunnerConfig:
        config = RunnerConfig(
            private_data_dir=str(private),
            project_dir=str(self._root),
            playbook=order.playbook,
            inventory=[*self._inventories, *((str(order.inventory),) if order.inventory else ())],
            extravars={
                **order.variables,
                "drillbook_step_ends_at": (self._clock.now() + order.timeout).timestamp(),
                "drillbook_run_directory": str(order.ledger_directory),
            },
            envvars=self._environment(order),
            ident=order.step,
            quiet=True,
            suppress_env_files=True,
            fact_cache_type="none",
        )
        config.prepare()
        # prepare() drops settings that are not in a file, so these are set on its result.
        config.pexpect_timeout = _POLL_SECONDS
        config.command = wrapped(config.command, step=order.step, ledger_directory=order.ledger_directory)
        return config

    def _environment(self, order: Order) -> dict[str, str]:
        environment = {
            **ansible_environment(self._root),
            "ANSIBLE_HOST_KEY_CHECKING": "True",  # ansible-runner says False where nothing is said
            "ANSIBLE_NOCOLOR": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            process.RUN_MARK: order.run_id,
        }
        if self._mitogen:
            environment |= self._mitogen_strategy()
        return environment

    def _mitogen_strategy(self) -> dict[str, str]:
        if find_spec("ansible_mitogen") is None:
            raise ConfigurationError(
                "Mitogen is not installed",
                where="DRILLBOOK_MITOGEN",
                remedy=f"Install it: {sys.executable} -m pip install 'drillbook[mitogen]'. Or unset the variable.",
            )
        strategies = self._root / "plugins" / "strategy"
        return {"ANSIBLE_STRATEGY": "mitogen_unpinned", "ANSIBLE_STRATEGY_PLUGINS": str(strategies)}


def _settle_processes(ledger: Ledger) -> None:
    for resource in ledger.outstanding():
        if resource.kind is ResourceKind.PROCESS and not resource.process.alive():
            ledger.settle(resource)


def _failed(order: Order, reader: EventReader, private: Path) -> PlaybookFailedError:
    failure = reader.failure
    if failure is not None:
        where = f"step {order.step}, task '{failure.task}' on {failure.host}"
        return PlaybookFailedError(failure.text(), where=where, remedy=_REMEDY_FAILED)
    output = private / "artifacts" / order.step / "stdout"
    tail = plain(output.read_text(encoding="utf-8", errors="replace"))[-_OUTPUT_TAIL:] if output.exists() else ""
    return PlaybookFailedError(
        f"{order.playbook} failed before any task: {tail or 'it printed nothing'}",
        where=f"step {order.step}",
        remedy=_REMEDY_FAILED,
    )
