"""Compares what is in use with its copy outside the failure domain, by fingerprint; never shows content."""

import hashlib
import socket
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from drillbook import process
from drillbook.errors import DrillbookError, InfrastructureError
from drillbook.model import Check, CheckStatus, EscrowItem, InUse, Stage

_TIMEOUT = timedelta(minutes=1)
SHOWN = 16
"""How many digits of a fingerprint are told."""


def check_escrow(items: Sequence[EscrowItem], in_use: Sequence[InUse] = ()) -> tuple[Check, ...]:
    """Return a check per declared item, and one that is skipped for each thing ``in_use`` that is in none of them.

    With nothing declared there is one check that is skipped, for nothing was proven.
    """
    if not items:
        return (
            Check(
                name="escrow",
                stage=Stage.GATE,
                status=CheckStatus.SKIPPED,
                message="nothing is declared in drillbook_escrow",
                remedy="Declare repository key, vault key, CA and inventory.",
            ),
        )
    sources = [item.source for item in items if item.source is not None]
    return (
        *(_check(item) for item in items),
        *(_nowhere(thing) for thing in in_use if not below_one_of(thing.path, sources)),
    )


def below_one_of(path: Path, directories: Sequence[Path]) -> bool:
    """Whether it is one of them, or lies in one, links followed."""
    found = path.resolve()
    return any(directory in (found, *found.parents) for directory in map(Path.resolve, directories))


def printed(item: EscrowItem, command: Sequence[str]) -> bytes:
    """Return what a program that reads an item's copy prints; raises InfrastructureError where it fails or prints nothing."""
    done = process.run_to_bytes(command, timeout=_TIMEOUT)
    if done.returncode != 0 or not done.stdout:
        raise InfrastructureError(
            f"{command[0]} ended with {done.returncode}: {done.stderr.strip()[-300:] or 'it printed nothing'}",
            where=item.name,
            remedy="See that the copy can be had.",
        )
    return done.stdout


def _nowhere(thing: InUse) -> Check:
    return Check(
        name=thing.name,
        stage=Stage.GATE,
        status=CheckStatus.SKIPPED,
        message=f"{thing.path} is the source of no item, so that nothing says whether there is a copy",
        remedy="Put it into escrow, and declare it in drillbook_escrow.",
    )


def _check(item: EscrowItem) -> Check:
    try:
        _refuse_no_copy(item)
        wanted = item.sha256 or _fingerprint(_read(item.source))
        found = _fingerprint(_copy(item))
    except DrillbookError as error:
        return Check(
            item.name, Stage.GATE, CheckStatus.FAILED, f"a copy on {item.host}", "none", error.message, error.remedy
        )
    same = wanted == found
    return Check(
        name=item.name,
        stage=Stage.GATE,
        status=CheckStatus.PASSED if same else CheckStatus.FAILED,
        expected=f"sha256 {wanted[:SHOWN]}...",
        actual=f"sha256 {found[:SHOWN]}... from {item.host}",
        message="" if same else f"the copy on {item.host} is not the one in use",
        remedy="" if same else "Put the present one into escrow again.",
    )


def _refuse_no_copy(item: EscrowItem) -> None:
    """What is read must be another thing than what is in use: that one always equals itself, and burns with this machine."""
    here = {"localhost", "::1", socket.gethostname(), socket.getfqdn()}
    if item.host in here or item.host.startswith("127."):
        raise InfrastructureError(
            f"{item.host} is this machine, which the copy is to outlive", where=item.name, remedy="Keep it elsewhere."
        )
    if item.source is None:
        return
    words = " ".join(item.command)
    if str(item.source) in words and item.host not in words:
        raise InfrastructureError(
            f"the command reads {item.source}, which is what is in use",
            where=item.name,
            remedy=f"Have it read the copy on {item.host}, and name that host in it.",
        )
    if item.copy is not None and _same(item.source, item.copy):
        raise InfrastructureError(
            f"{item.copy} is what is in use itself", where=item.name, remedy="Name the copy in copy_file."
        )


def _same(source: Path, copy: Path) -> bool:
    """Whether they share a file on the disk, by whatever name or link."""
    try:
        return not _inodes(source).isdisjoint(_inodes(copy))
    except OSError:
        return False  # what can't be read is told where it is compared


def _inodes(path: Path) -> set[tuple[int, int]]:
    """Device and inode of the file, or of each file below the directory."""
    files = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
    return {(found.st_dev, found.st_ino) for found in map(Path.stat, files)}


def _copy(item: EscrowItem) -> bytes:
    return _read(item.copy) if item.copy is not None else printed(item, item.command)


def _read(path: Path | None) -> bytes:
    if path is None:
        raise InfrastructureError("nothing to compare with", where="drillbook_escrow", remedy="Give source or sha256.")
    try:
        content = "\n".join(_listed(path)).encode() if path.is_dir() else path.read_bytes()
    except OSError as error:
        raise InfrastructureError(
            f"{path} can't be read: {error.strerror}", where=str(path), remedy="See that it is there and may be read."
        ) from error
    if not content.strip():
        raise InfrastructureError(f"{path} is empty", where=str(path), remedy="See that it is the right one.")
    return content


def _listed(directory: Path) -> Iterator[str]:
    """A line for each file below, as `sha256sum` prints it, in the order of names in the C locale; `.git` is left out."""
    names = {path.relative_to(directory).as_posix(): path for path in directory.rglob("*") if path.is_file()}
    for name in sorted(names, key=str.encode):
        if ".git" not in name.split("/") and not names[name].is_symlink():
            yield f"{hashlib.sha256(names[name].read_bytes()).hexdigest()}  ./{name}"


def _fingerprint(content: bytes) -> str:
    return hashlib.sha256(content.strip()).hexdigest()
