"""One run at a time on a target: a lock that the kernel gives back when its holder dies."""

import re
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from drillbook.errors import ConfigurationError, RefusedError


@contextmanager
def hold_all(state_directory: Path, targets: Collection[str]) -> Iterator[None]:
    """Hold each of ``targets`` for the length of the block, always in the same order; raises RefusedError as `hold` does."""
    with ExitStack() as held:
        for target in sorted(set(targets)):
            held.enter_context(hold(state_directory, target))
        yield


@contextmanager
def hold(state_directory: Path, target: str) -> Iterator[None]:
    """Hold ``target`` for the length of the block; raises RefusedError at once if another process does."""
    directory = state_directory / "locks"
    path = directory / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', target)}.lock"
    lock = FileLock(path, timeout=0)
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock.acquire()
    except Timeout as error:
        raise RefusedError(
            f"another run holds {target}",
            where=str(path),
            remedy="Wait until it is done; see `drillbook status`.",
        ) from error
    except OSError as error:
        raise ConfigurationError(
            f"the state directory can't be used: {error.strerror or error}",
            where=str(error.filename or directory),
            remedy="See drillbook_state_directory, and run as the user that it belongs to.",
        ) from error
    try:
        yield
    finally:
        lock.release()
