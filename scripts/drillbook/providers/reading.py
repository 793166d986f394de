"""Reads files inside machines whose provider only runs programs there."""

import shlex
from collections.abc import Callable
from datetime import timedelta

from drillbook.errors import InfrastructureError
from drillbook.model import GuestAnswer, Machine
from drillbook.untrusted import ANSWER_LIMIT

_ABSENT = 44


def read_small_file(
    run: Callable[[Machine, str, timedelta], GuestAnswer], machine: Machine, path: str, limit: timedelta
) -> str | None:
    """Return a small file's text, None where there is none; raises InfrastructureError for one that is there and can't be read.

    Of a larger one no more is read than shows that it is too large for whoever reads it.
    """
    quoted = shlex.quote(path)
    answer = run(
        machine, f"if [ -e {quoted} ]; then head -c {ANSWER_LIMIT + 1} -- {quoted}; else exit {_ABSENT}; fi", limit
    )
    if answer.exit_code == _ABSENT:
        return None
    if answer.exit_code != 0:
        raise InfrastructureError(
            f"{path} can't be read (exit status {answer.exit_code})",
            where=machine.host,
            remedy="Look at it in the restored machine.",
        )
    return answer.output
