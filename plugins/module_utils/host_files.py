"""The files of a host that a restore may leave something among: what is there, how it differs from before, and how that comes back."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import shutil
import stat
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Manifest = Mapping[str, list[Any]]

ROOTS = ("/etc", "/home", "/opt", "/root", "/srv", "/tmp", "/usr/local", "/var")  # noqa: S108 - looked at, not written to
KEPT_WHOLE = "/etc"
"""Put back to the last byte. Elsewhere only what is new goes; nothing is touched that was there before."""
PASSED_OVER = (
    "/etc/ld.so.cache", "/etc/.updated", "/etc/.pwd.lock", "/etc/mtab",
    "/var/backups", "/var/cache", "/var/lib/apt", "/var/lib/dpkg", "/var/lib/drillbook/sandbox", "/var/lib/logrotate",
    "/var/lib/systemd", "/var/lib/ucf", "/var/log/journal", "/var/spool/anacron", "/var/spool/exim4", "/var/spool/postfix",
    "*/.ansible", "*/.bash_history", "*/.cache", "*/.lesshst", "*/ansible-tmp-*", "*/ansible_*", "*/systemd-private-*",
)  # fmt: skip
"""What lives by itself, and belongs to no service that is restored."""
_LOGS = Path("/var/log")
"""Files right below it are the system's, and rotate at any time; services have folders of their own there."""


def manifest(roots: Iterable[str] = ROOTS) -> Manifest:
    """Path -> what it is. Symbolic links are not followed; other file systems are not left out, for data often has one."""
    found: dict[str, list[Any]] = {}
    for root in roots:
        for name, folders, files in os.walk(root):
            folder = Path(name)
            folders[:] = [entry for entry in folders if not _passed_over(folder / entry)]
            for entry in (*folders, *(() if folder == _LOGS else files)):
                if not _passed_over(folder / entry):
                    described = _described(folder / entry)
                    found |= {str(folder / entry): described} if described else {}
    return found


def difference(before: Manifest, now: Manifest) -> tuple[list[str], list[str]]:
    """Paths that are new, the outermost of each; and those below what is kept whole that are gone or differ."""
    new = [path for path in sorted(set(now) - set(before)) if (up := str(Path(path).parent)) not in now or up in before]
    spoilt = [path for path, was in sorted(before.items()) if _is_kept_whole(path) and now.get(path) != was]
    return new, spoilt


def keep(archive: Path) -> None:
    """Keep what can be put back, in a file that the process's umask protects."""
    with tarfile.open(archive, mode="w") as kept:
        kept.add(KEPT_WHOLE)


def put_back(archive: Path, new: Sequence[str], spoilt: Sequence[str]) -> None:
    """Remove what is new, and bring back what is gone or differs, with its owner and mode."""
    for path in (*(Path(one) for one in new), *(Path(one) for one in spoilt)):
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            path.unlink()
        elif path.is_dir() and str(path) in new:
            shutil.rmtree(path)
    if spoilt:
        wanted = {path.lstrip("/") for path in spoilt}
        with tarfile.open(archive) as kept:
            for member in kept.getmembers():
                if member.name in wanted:
                    # Our own archive of this host, from a folder that only root may write to.
                    kept.extract(member, path="/", numeric_owner=True, filter="fully_trusted")


def _passed_over(path: Path) -> bool:
    return any(fnmatch.fnmatchcase(str(path), pattern) for pattern in PASSED_OVER)


def _is_kept_whole(path: str) -> bool:
    return path.startswith(f"{KEPT_WHOLE}/")


def _described(path: Path) -> list[Any] | None:
    """In full where it is kept whole; elsewhere that it is there says enough. None where it went while we looked."""
    try:
        state = path.lstat()
        kind = stat.S_IFMT(state.st_mode)
        if not _is_kept_whole(str(path)):
            return [kind]
        content = ""
        if stat.S_ISLNK(kind):
            content = str(path.readlink())
        elif stat.S_ISREG(kind):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None
    return [kind, stat.S_IMODE(state.st_mode), state.st_uid, state.st_gid, content]
