"""What the checks of the tree look at: roles and files that belong to the repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())


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
