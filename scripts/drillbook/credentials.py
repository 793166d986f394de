"""Reads credentials from JSON files; what is in them is never in a message."""

import json
from pathlib import Path

from drillbook.errors import DrillbookError


def read_credentials(
    path: Path, fields: tuple[str, ...], *, what: str, remedy: str, fault: type[DrillbookError]
) -> tuple[str, ...]:
    """Return the values of ``fields``; raises ``fault`` that names the file and ``what`` it holds."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return tuple(str(data[field]) for field in fields)
    except OSError as error:
        raise fault(f"{what} can't be read: {error.strerror}", where=str(path), remedy=remedy) from error
    except (ValueError, KeyError, TypeError) as error:
        raise fault(f"{what} are not {{{', '.join(fields)}}}", where=str(path), remedy=remedy) from error
