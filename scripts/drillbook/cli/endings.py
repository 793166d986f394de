"""How a call ends when it fails: one sentence, one exit code, and with ``--json`` one document. No traceback is shown; it is kept."""

import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import Any

from typer.exceptions import TyperException

from drillbook.cli.output import console, show_json
from drillbook.errors import DrillbookError, InfrastructureError

INTERRUPTED = 130
"""What shells say of a program that SIGINT ended: 128 and the signal's number."""
_USAGE = 2


def ended(call: Callable[[], object]) -> int:
    """Make the call and return its exit code, whatever came out of it."""
    _tell_of_retries()
    try:
        code = _code(call())
    except KeyboardInterrupt:  # before a verb was called; later typer makes an exit of it
        code = INTERRUPTED
    except DrillbookError as error:
        code = _failed(error)
    except TyperException as error:
        code = _misused(error)
    except Exception as error:  # noqa: BLE001 - the one place where all ends; nobody is shown a traceback
        code = _crashed(error)
    if code == INTERRUPTED:
        _say("drillbook: interrupted")
    return code


def _code(returned: object) -> int:
    """What the call ended with: typer returns the code of an exit, or what the verb returned, which is nothing."""
    return returned if isinstance(returned, int) else 0


def _failed(error: DrillbookError) -> int:
    _tell(error)
    return error.exit_code


def _misused(error: TyperException) -> int:
    """An option or argument that does not exist, or lacks: usage on standard error, as always, and with ``--json`` the document too."""
    message = error.format_message()
    if _as_json() and message:
        show_json(_document("UsageError", message, "the command line", "See --help."))
    show: Callable[[], Any] | None = getattr(error, "show", None)
    if show is not None:
        show()
    return getattr(error, "exit_code", _USAGE)


def _crashed(error: Exception) -> int:
    """A defect, or a file that could not be read or written where nobody expected it."""
    kept = _kept(error)
    crash = InfrastructureError(
        f"{type(error).__name__}: {error}",
        where="drillbook itself",
        remedy=f"Report this with {kept}, which holds the traceback." if kept else "Report this.",
    )
    _tell(crash)
    return crash.exit_code


def _kept(error: Exception) -> str:
    """The file that the traceback was written into, for its owner only; "" where no file can be written."""
    try:
        handle, path = tempfile.mkstemp(prefix="drillbook-", suffix=".traceback")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(traceback.format_exception(error))
    except OSError:
        return ""
    return path


def _tell(error: DrillbookError) -> None:
    if _as_json():
        show_json(_document(type(error).__name__, error.message, error.where, error.remedy))
    _say(f"drillbook: {error}")


def _document(kind: str, message: str, where: str, remedy: str) -> dict[str, Any]:
    return {"error": {"class": kind, "message": message, "where": where, "remedy": remedy}}


def _as_json() -> bool:
    return "--json" in sys.argv


def _say(line: str) -> None:
    console(stderr=True).print(line)


class _Retries(logging.Handler):
    """Says in words what is tried again; the library's own line is no sentence."""

    def emit(self, record: logging.LogRecord) -> None:
        """Take the library's record, whose fields it names."""
        said = vars(record)
        number, wait = said.get("stamina.retry_num", "?"), said.get("stamina.wait_for", 0)
        _say(
            f"drillbook: no good answer ({said.get('stamina.caused_by', 'unknown')}): trying again, number {number}, in {wait:g} s"
        )


def _tell_of_retries() -> None:
    logger = logging.getLogger("stamina")
    if not any(isinstance(handler, _Retries) for handler in logger.handlers):
        logger.addHandler(_Retries())
        logger.propagate = False
