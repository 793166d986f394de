"""What the checks of the tree look at: roles and files that belong to the repository."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent.parent
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())


def tasks_of(tasks: Any) -> list[dict[str, Any]]:
    """All of them, those in blocks included."""
    found = []
    for task in tasks or []:
        found.append(task)
        for part in ("block", "rescue", "always"):
            found += tasks_of(task.get(part))
    return found


def repository_files() -> list[Path]:
    """Tracked files and those that git would offer to add; the folder's own content where there is no git."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 # git is where the PATH says
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    names = listed.stdout.split("\0") if listed.returncode == 0 else map(str, ROOT.rglob("*"))
    skipped = {".venv", ".lab", ".git"}
    return sorted(path for name in names if name and (path := ROOT / name).is_file() and not skipped & set(path.parts))


@pytest.fixture(params=ROLES, ids=lambda path: path.name)
def role(request: pytest.FixtureRequest) -> Path:
    """Each role in turn."""
    return Path(request.param)


@pytest.fixture(scope="session")
def files() -> list[Path]:
    """All files of the repository."""
    return repository_files()


def strings(value: object) -> Iterator[str]:
    """Every text in a YAML value, keys left out."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    elif isinstance(value, str):
        yield value
