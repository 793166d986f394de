"""Brings a group's service to rest by its own playbooks, and lets it go on whatever happens."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from drillbook.ansible import Order, Playbooks
from drillbook.errors import ConfigurationError, DrillbookError, InfrastructureError
from drillbook.model import Check, CheckStatus, QuiesceHook

GROUP_VARIABLE = "quiesce_group"
_DIRECTORY = "hooks"
Release = Callable[[], None]


def new_hook_id(group: str) -> str:
    """Return the mark that everything started for one time at rest carries."""
    return f"snapshot-{group}-{secrets.token_hex(6)}"


@dataclass(frozen=True, slots=True)
class Hooked:
    """A group with its hook, for one time at rest, in plain values that a guard can be told.

    ``root`` holds the playbooks, ``state`` is the state directory, ``run_id`` marks the processes that are started.
    """

    root: Path
    inventories: tuple[Path, ...]
    mitogen: bool
    state: Path
    group: str
    hook: QuiesceHook
    run_id: str

    def refuse(self) -> None:
        """Raise ConfigurationError where a playbook is missing: found out at rest, nothing would let the service go on."""
        for playbook in (self.hook.quiesce_playbook, self.hook.resume_playbook):
            if not (self.root / playbook).is_file():
                raise ConfigurationError(
                    f"there is no {playbook}",
                    where=f"group {self.group}, drillbook_machines",
                    remedy=f"Write it, or correct its name; it is looked for below {self.root}. Nothing was touched.",
                )


class ServiceHook:
    """Runs the playbooks of a group's hook."""

    def __init__(self, playbooks: Playbooks, hooked: Hooked) -> None:
        self._playbooks = playbooks
        self._group = hooked.group
        self._hook = hooked.hook
        self._run_id = hooked.run_id
        self._directory = hooked.state / _DIRECTORY / hooked.run_id

    @contextmanager
    def at_rest(
        self, guard: Callable[[], AbstractContextManager[Release]], tell: Callable[[str], None]
    ) -> Iterator[None]:
        """Have the service at rest for the length of the block.

        ``guard`` watches meanwhile, and lets the service go on should this process die or be unable to; it is released once
        the service goes on. Raises InfrastructureError when a playbook failed: after a failed quiesce the service goes
        on, too, and the block is never entered.
        """
        cause: DrillbookError | None = None
        with guard() as release:
            try:
                self._quiesce()
                tell(f"the service of {self._group} is at rest")
                yield
            except DrillbookError as error:
                cause = error
                raise
            finally:
                self.resume(cause)
                release()
                tell(f"the service of {self._group} goes on")

    def _quiesce(self) -> None:
        playbook = self._hook.quiesce_playbook
        try:
            self._run("quiesce", playbook)
        except DrillbookError as error:
            raise InfrastructureError(
                f"the service could not be brought to rest, and no snapshot was taken: {error.message}",
                where=f"group {self._group}, {playbook}",
                remedy="Mend that, then take the whole set again.",
            ) from error

    def resume(self, cause: DrillbookError | None = None) -> None:
        """Let the service go on; raises InfrastructureError, which tells ``cause``, too, when it may still be at rest."""
        playbook = self._hook.resume_playbook
        try:
            self._run("resume", playbook)
        except DrillbookError as error:
            before = f" (before that: {cause.message})" if cause else ""
            raise InfrastructureError(
                f"the service may still be at rest: {error.message}{before}",
                where=f"group {self._group}, {playbook}",
                remedy=f"Let it go on at once, its clients wait: `drillbook snapshot thaw {self._group}`, or "
                f"`ansible-playbook {playbook} -e {GROUP_VARIABLE}={self._group}`.",
            ) from error

    def _run(self, step: str, playbook: str) -> None:
        directory = self._directory / str(os.getpid())
        directory.mkdir(parents=True, mode=0o700, exist_ok=True)
        watcher = _Watcher()
        variables = {GROUP_VARIABLE: self._group}
        order = Order(step, playbook, self._run_id, variables, self._hook.timeout, directory)
        try:
            self._playbooks.run(order, watcher, lambda: None)
        finally:
            shutil.rmtree(self._directory, ignore_errors=True)  # with what a killed controller left
        if watcher.failed:
            raise InfrastructureError("; ".join(watcher.failed), where=playbook, remedy="See what the check asks for.")


class _Watcher:
    """Keeps the checks that failed: a playbook that reports one ends well, and yet did not do what it is for."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def play_started(self, name: str) -> None:
        """Of no interest."""

    def check(self, check: Check) -> None:
        """Keep what failed."""
        if check.status is CheckStatus.FAILED:
            self.failed.append(f"{check.name}: {check.message}")

    def fact(self, name: str, value: Any) -> None:
        """Of no interest."""

    def task_runs(self, task: str, running: timedelta) -> None:
        """Of no interest."""

    def task_failed(self, host: str, task: str, message: str) -> None:
        """The playbook's own failure says it."""
