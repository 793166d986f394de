"""Remembers what ansible-inventory said, for as long as nothing changes that it was read from: Ansible takes seconds to say it again.

An inventory that asks somebody, a provider or a program, is never remembered. What is kept holds no secrets, see `Inventory.parse`.
"""

import hashlib
import json
import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

_KEPT = 20
"""Inventories; the one that was read longest ago goes first."""
_PLUGIN = re.compile(rb"""(?:^|[{,\s"'])plugin["']?\s*:""")
_VARIABLES = ("group_vars", "host_vars")


def folder() -> Path:
    """Where it is kept, by the user's own habits; raises RuntimeError where the user has no home directory."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "drillbook" / "inventories"


def digest_of(sources: Sequence[Path], root: Path) -> str | None:
    """SHA-256 of all that decides how an inventory is read; None where a plug-in or a program may say something else each time.

    That is the content of its files, our settings, the program of Ansible and the variables that it reads from the environment.
    """
    told = hashlib.sha256()
    program = Path(sys.executable).with_name("ansible-inventory")
    try:
        state = program.stat()
        environment = sorted((name, value) for name, value in os.environ.items() if name.startswith("ANSIBLE_"))
        _add(told, repr((_own(), str(program), state.st_mtime_ns, state.st_size, environment)).encode())
        _add(told, (root / "ansible.cfg").read_bytes())
        for source in sources:
            _add(told, str(source.resolve()).encode())
            for path in _files(source):
                content = path.read_bytes()
                if os.access(path, os.X_OK) or _PLUGIN.search(content):
                    return None
                _add(told, str(path).encode())
                _add(told, content)
    except OSError:
        return None
    return None if "ANSIBLE_INVENTORY_ENABLED" in os.environ else told.hexdigest()


def remembered(digest: str) -> Mapping[str, Any] | None:
    """What was kept under a digest; None where nothing was, or where somebody else could have written it."""
    try:
        path = folder() / f"{digest}.json"
        if not (_ours(path.parent) and _ours(path)):
            return None
        data = json.loads(path.read_text(encoding="utf-8"))
        path.touch()
    except (OSError, RuntimeError, ValueError):
        return None
    return data if isinstance(data, Mapping) else None


def remember(digest: str, data: Mapping[str, Any]) -> None:
    """Keep it, whole or not at all. Where that can't be done nothing is lost: it is read again."""
    with suppress(OSError, RuntimeError):
        place = folder()
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        staged = place / f".{uuid4().hex}"
        handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(data, file)
            staged.replace(place / f"{digest}.json")
        finally:
            staged.unlink(missing_ok=True)
        oldest_first = sorted(place.glob("*.json"), key=lambda path: path.stat().st_mtime)
        for path in oldest_first[:-_KEPT]:
            path.unlink(missing_ok=True)


def _own() -> str:
    """What cuts an inventory to what is kept: this package."""
    return hashlib.sha256(Path(__file__).with_name("inventory.py").read_bytes()).hexdigest()


def _add(told: Any, part: bytes) -> None:
    """With its length, so that two parts never read as others."""
    told.update(len(part).to_bytes(8, "big"))
    told.update(part)


def _files(source: Path) -> Iterator[Path]:
    """Files that an inventory is read from, each by its path: of a file those of its variables, too. Links are followed."""
    if source.is_dir():
        yield from _below(source, set())
        return
    yield source
    for name in _VARIABLES:
        yield from _below(source.parent / name, set())


def _below(directory: Path, seen: set[Path]) -> Iterator[Path]:
    real = directory.resolve()
    if real in seen or not real.is_dir():
        return
    seen.add(real)
    for path in sorted(directory.iterdir()):
        if path.is_dir():
            yield from _below(path, seen)
        else:
            yield path


def _ours(path: Path) -> bool:
    """Whether it is this user's, and nobody else may write it."""
    found = path.lstat()
    return found.st_uid == os.geteuid() and not stat.S_ISLNK(found.st_mode) and not found.st_mode & 0o022
