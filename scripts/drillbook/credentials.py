"""Reads credentials from JSON files; what is in them is never in a message."""

import json
import os
import stat
from pathlib import Path

from drillbook.errors import DrillbookError

_OF_OTHERS = 0o077


def read_credentials(
    path: Path,
    fields: tuple[str, ...],
    *,
    what: str,
    remedy: str,
    fault: type[DrillbookError],
    refuse_exposed: bool = True,
) -> tuple[str, ...]:
    """Return the values of ``fields``; raises ``fault`` that names the file and ``what`` it holds.

    So it does for one that group or others may read or write, unless ``refuse_exposed`` is off: for the bad day, where `exposed` says it.
    """
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if refuse_exposed and mode & _OF_OTHERS:
                raise fault(f"{what} are open to others (mode {mode:04o})", where=str(path), remedy=close(path))
            data = json.load(file)
        return tuple(str(data[field]) for field in fields)
    except OSError as error:
        raise fault(f"{what} can't be read: {error.strerror}", where=str(path), remedy=remedy) from error
    except (ValueError, KeyError, TypeError) as error:
        raise fault(f"{what} are not {{{', '.join(fields)}}}", where=str(path), remedy=remedy) from error


def exposed(path: Path) -> str:
    """Say the mode of a file that group or others may read or write; "" for any other, and for none."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return ""
    return f"mode {mode:04o}" if mode & _OF_OTHERS else ""


def close(path: Path) -> str:
    """What to do about a file that others may read."""
    return f"`chmod 600 {path}`, and take another secret if somebody else was on this machine."
