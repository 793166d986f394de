"""Live progress of a run: a moving line in a terminal, plain lines in a pipe; on standard error."""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from drillbook.cli.output import console
from drillbook.journal.journal import RunEvent

if TYPE_CHECKING:
    from rich.console import Console

_MARKS = {"passed": "ok", "failed": "FAILED", "skipped": "skipped"}


class Progress:
    """A reporter; use it as a context so that the terminal is given back."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console: Console = console(stderr=True)
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
    say = _LINES.get(event.kind)
    return say(event) if say else None


def _check_line(event: RunEvent) -> str:
    data = event.data
    said = f": {data['message']}" if data["message"] and data["status"] != "passed" else ""
    return f"  {_MARKS[str(data['status'])]}  {data['name']}{said}"


_LINES: Mapping[str, Callable[[RunEvent], str]] = {
    "opened": lambda event: f"run {event.run_id}",
    "declared": lambda event: f"disaster declared (it happened at {event.data['disaster_at']})",
    "play": lambda event: str(event.data["name"]),
    "check": _check_line,
    "task_failed": lambda event: "  FAILED  {task} on {host}: {message}".format_map(event.data),
    "teardown": lambda event: "removing {kind} {name}".format_map(event.data),
    "closed": lambda event: "closed: {verdict}".format_map(event.data),
}
