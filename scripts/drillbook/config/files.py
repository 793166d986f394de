"""Which files of an inventory name a variable: ansible-inventory tells values, and not where they stand."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

_LARGEST = 1_000_000
"""Bytes; a larger file is not looked into."""


def files_naming(sources: Sequence[Path], folder: str, owner: str, variable: str) -> tuple[str, ...]:
    """Files in ``folder`` (group_vars, host_vars) of ``owner`` that name the variable; without any, inventory files that do.

    Paths are relative to the present directory where they are below it. A file that can't be read is left out.
    """
    bases = [source if source.is_dir() else source.parent for source in sources]
    own = [path for base in bases for path in _files_of_owner(base / folder, owner)]
    written = re.compile(rf"""(?m)(?:^|[{{,"'\s]){re.escape(variable)}["']?\s*[:=]""")
    naming = [path for path in own if written.search(_text(path))]
    if not naming:
        listed = [path for source in sources for path in (sorted(source.iterdir()) if source.is_dir() else [source])]
        naming = [path for path in listed if path.is_file() and written.search(_text(path))]
    return tuple(dict.fromkeys(_shown(path) for path in naming))


def _files_of_owner(folder: Path, owner: str) -> Iterator[Path]:
    for suffix in ("", ".yml", ".yaml", ".json"):
        path = folder / f"{owner}{suffix}"
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from sorted(inner for inner in path.rglob("*") if inner.is_file())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.stat().st_size <= _LARGEST else ""
    except (OSError, UnicodeDecodeError):
        return ""


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
