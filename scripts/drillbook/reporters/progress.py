"""Live progress of a run: a moving line in a terminal, plain lines in a pipe."""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from drillbook.journal.journal import EventType, RunEvent
from drillbook.sanitize import sanitized

_MARKS = {"passed": "ok", "failed": "FAILED", "skipped": "skipped"}


class Progress:
    """A reporter; use it as a context so that the terminal is given back."""

    def __init__(self, screen: Console, *, quiet: bool = False) -> None:
        self._console = screen
        self._quiet = quiet
        self._live = (
            Live(Spinner("dots", "starting"), console=self._console, transient=True, refresh_per_second=8)
            if self._console.is_terminal and not quiet
            else None
        )

    def __enter__(self) -> Self:
        """Start the moving line."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Take it away."""
        if self._live is not None:
            self._live.stop()

    def __call__(self, event: RunEvent) -> None:
        """Print what is worth a line, and move the live line."""
        if self._quiet:
            return
        line = _line(event)
        if line is None:
            return
        elapsed = "      -" if event.elapsed is None else f"{event.elapsed.total_seconds():6.1f}s"
        if self._live is not None:
            self._live.update(Spinner("dots", Text(line)))
        self._console.print(f"{elapsed}  {line}", markup=False, style="bold red" if "FAILED" in line else None)


def _line(event: RunEvent) -> str | None:
    say = _LINES.get(event.type)
    return sanitized(say(event)) if say else None


def _check_line(event: RunEvent) -> str:
    data = event.data
    said = f": {data['message']}" if data["message"] and data["status"] != "passed" else ""
    return f"  {_MARKS[str(data['status'])]}  {data['name']}{said}"


def _running_line(event: RunEvent) -> str:
    return f"  still  {event.data['task']}, for {int(event.data['seconds']) // 60} min"


_LINES: Mapping[EventType, Callable[[RunEvent], str]] = {
    EventType.OPENED: lambda event: f"run {event.run_id}",
    EventType.EVIDENCE_TROUBLE: lambda event: f"  FAILED  {event.data['message']}",
    EventType.DECLARED: lambda event: f"disaster declared (it happened at {event.data['disaster_at']})",
    EventType.PLAY: lambda event: str(event.data["name"]),
    EventType.CHECK: _check_line,
    EventType.TASK_RUNS: _running_line,
    EventType.TASK_FAILED: lambda event: "  FAILED  {task} on {host}: {message}".format_map(event.data),
    EventType.TEARDOWN: lambda event: "removing {kind} {name}".format_map(event.data),
    EventType.CLOSED: lambda event: "closed: {verdict}".format_map(event.data),
}
