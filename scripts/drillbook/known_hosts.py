"""ssh's file of known hosts: puts one host's key in place of those that it had, and leaves every other line as it is."""

import fcntl
import hmac
import os
import tempfile
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from drillbook import process
from drillbook.errors import ConfigurationError

_HASHED = "|1|"
_LOOK = timedelta(seconds=10)
_SSH_PORT = 22


def names_in_file(hosts: Sequence[str], port: int = _SSH_PORT) -> tuple[str, ...]:
    """How the file calls hosts that listen on ``port``: each once, in small letters (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""
    small = dict.fromkeys(host.lower() for host in hosts if host)
    return tuple(small if port == _SSH_PORT else (f"[{host}]:{port}" for host in small))


def knows(file: Path, name: str) -> bool:
    """Whether ssh finds a line for the host there: by its name, a pattern, a hashed name or an authority. Raises DrillbookError."""
    if not file.exists():
        return False
    return process.run(["ssh-keygen", "-F", name, "-f", str(file)], timeout=_LOOK).returncode == 0


def refuse_unwritable(file: Path) -> None:
    """Raise ConfigurationError where `pin` could not do its work: to be asked before a machine is made whose key can be lost."""
    target = file.resolve()
    if not os.access(target.parent, os.R_OK | os.W_OK | os.X_OK):
        raise _unwritable(file, f"{target.parent} is not there, or not yours")
    if target.exists() and not (target.is_file() and os.access(target, os.R_OK)):
        raise _unwritable(file, "it is no file, or not yours to read")


def pin(file: Path, names: Sequence[str], host_key: str) -> bool:
    """Have ``host_key`` (``ssh-ed25519 AAAA...``) the one key of these names; say whether the file was changed.

    Lines with a marker and patterns stay: they are nobody's own. A line that has other names as well keeps those. A new file has mode 0600,
    and one that is there keeps owner and mode. It is replaced at once, so that no reader sees half of it, and by one writer at a time.
    Raises ConfigurationError where it can't be written.
    """
    return _rewrite(file, names, f"{','.join(names)} {host_key}\n".encode())


def forget(file: Path, names: Sequence[str]) -> bool:
    """Take what these names had out of the file, as `pin` does; say whether there was anything."""
    return _rewrite(file, names, b"")


def _rewrite(file: Path, names: Sequence[str], wanted: bytes) -> bool:
    target = file.resolve()
    try:
        with _alone(target.parent):
            before = target.read_bytes().splitlines(keepends=True) if target.exists() else []
            kept = [_without(line, names) for line in before]
            own = [line for line, left in zip(before, kept, strict=True) if line != left]
            if own == ([wanted] if wanted else []):
                return False
            if wanted and kept and kept[-1] and not kept[-1].endswith(b"\n"):
                kept[-1] += b"\n"
            _replace(target, b"".join([*kept, wanted]))
    except OSError as error:
        raise _unwritable(file, error.strerror or str(error)) from error
    return True


def _unwritable(file: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"the file of known hosts can't be written: {why}",
        where=str(file),
        remedy="Name a file in a directory that is there and yours (provision_known_hosts_file).",
    )


def _without(line: bytes, names: Sequence[str]) -> bytes:
    """The line without these names; empty where it has no other."""
    fields = line.split(maxsplit=1)
    if len(fields) < 2:
        return line
    hosts = fields[0].decode("utf-8", "surrogateescape").split(",")
    others = [host for host in hosts if not any(_is(host, name) for name in names)]
    if len(others) == len(hosts):
        return line
    return b" ".join((",".join(others).encode("utf-8", "surrogateescape"), fields[1])) if others else b""


def _is(written: str, name: str) -> bool:
    """Whether a name of the file is this one; a hashed name is ``|1|salt|HMAC-SHA1 of the name``."""
    if not written.startswith(_HASHED):
        return written.lower() == name
    try:
        salt, digest = (b64decode(part, validate=True) for part in written.removeprefix(_HASHED).split("|"))
    except ValueError:
        return False
    return hmac.compare_digest(hmac.digest(salt, name.encode(), "sha1"), digest)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """One writer at a time; a lock on the file itself would go with the file that is replaced."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(target: Path, content: bytes) -> None:
    found = target.stat() if target.exists() else None
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            if found is not None:
                os.fchown(stream.fileno(), found.st_uid, found.st_gid)
                os.fchmod(stream.fileno(), found.st_mode & 0o777)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
