"""Tells of a task that runs for long, so that a restore of an hour is not an hour of silence."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from drillbook.ansible.playbooks import Watcher
from drillbook.clock import Clock

TOLD_EVERY = timedelta(minutes=1)


class LongTasks:
    """Keeps which task runs, and since when. Both calls come from the thread that runs the playbook."""

    def __init__(self, watcher: Watcher, clock: Clock) -> None:
        self._watcher = watcher
        self._clock = clock
        self._task = ""
        self._began = self._told = clock.monotonic()

    def read(self, event: Mapping[str, Any]) -> None:
        """Take notice of an event of ansible-runner: a task begins, and with it the time that it takes."""
        if event.get("event") == "playbook_on_task_start":
            self._task = str((event.get("event_data") or {}).get("task") or "")
            self._began = self._told = self._clock.monotonic()

    def look(self) -> None:
        """Tell of the task where a minute of it has passed since that was told; asked about once a second."""
        now = self._clock.monotonic()
        if self._task and now - self._told >= TOLD_EVERY:
            self._told = now
            self._watcher.task_runs(self._task, now - self._began)
