"""Small durable file operations: what is written here survives a power cut, or was never there."""

import os
from contextlib import suppress
from pathlib import Path

from drillbook.errors import EvidenceError


def ensure_directory(directory: Path, *, mode: int) -> None:
    """Create a directory and its parents; leaves one that exists as it is."""
    try:
        directory.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise _failed("can't be created", directory, error) from error


def read_bytes(path: Path) -> bytes:
    """The whole file; a link is not followed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            return file.read()
    except OSError as error:
        raise _failed("can't be read", path, error) from error


def write_durably(path: Path, content: bytes, *, mode: int = 0o640) -> None:
    """Write and fsync a file that nobody reads yet; an older one of the name is replaced."""
    try:
        with suppress(FileNotFoundError):
            path.unlink()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _failed("can't be written", path, error) from error


def replace_durably(path: Path, content: bytes, *, mode: int = 0o640) -> None:
    """Put ``content`` under the name ``path`` in one step: readers see the old file or the whole new one."""
    staged = path.with_name(f".{path.name.lstrip('.')}.part")
    write_durably(staged, content, mode=mode)
    move_durably(staged, path)


def move_durably(source: Path, target: Path) -> None:
    """Rename inside one directory, and fsync the directory."""
    try:
        source.rename(target)
        sync_directory(target.parent)
    except OSError as error:
        raise _failed("can't be put in place", target, error) from error


def create_exclusively(path: Path, content: bytes, *, mode: int) -> bool:
    """Create ``path`` whole or not at all; False if it was there already, which is then left as it is."""
    staged = path.with_name(f".{path.name}.{os.getpid()}.part")
    write_durably(staged, content, mode=mode)
    try:
        path.hardlink_to(staged)
        sync_directory(path.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise _failed("can't be created", path, error) from error
    finally:
        staged.unlink(missing_ok=True)
    return True


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _failed(what: str, path: Path, error: OSError) -> EvidenceError:
    return EvidenceError(
        f"The file or directory {what}: {error.strerror or error}",
        where=str(path),
        remedy="Check that the disk has room and that this user may read and write there",
    )
