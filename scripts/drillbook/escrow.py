"""Compares what is in use with its copy outside the failure domain, by fingerprint; never shows content."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from drillbook import process
from drillbook.errors import DrillbookError, InfrastructureError
from drillbook.model import Check, CheckStatus, EscrowItem, Stage

_TIMEOUT = timedelta(minutes=1)
_SHOWN = 16


def check_escrow(items: Sequence[EscrowItem]) -> tuple[Check, ...]:
    """Return one check per declared item; with none declared one that is skipped, for nothing was proven."""
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
    return tuple(_check(item) for item in items)


def _check(item: EscrowItem) -> Check:
    try:
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
        expected=f"sha256 {wanted[:_SHOWN]}...",
        actual=f"sha256 {found[:_SHOWN]}... from {item.host}",
        message="" if same else f"the copy on {item.host} is not the one in use",
        remedy="" if same else "Put the present one into escrow again.",
    )


def _copy(item: EscrowItem) -> bytes:
    if item.copy is not None:
        return _read(item.copy)
    done = process.run(item.command, timeout=_TIMEOUT)
    if done.returncode != 0 or not done.stdout:
        raise InfrastructureError(
            f"{item.command[0]} ended with {done.returncode}: {done.stderr.strip()[-300:] or 'it printed nothing'}",
            where=item.name,
            remedy="See that the copy can be had.",
        )
    return done.stdout.encode()


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
