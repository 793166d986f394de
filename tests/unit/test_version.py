"""The commit is told in a clone, and only there; nothing that git refuses is an error."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from drillbook import __version__
from drillbook.version import told_version

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not here")


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *arguments],  # noqa: S607 # git is where the PATH says
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    folder.mkdir()
    git(folder, "init", "--quiet")
    (folder / "file").write_text("one\n")
    git(folder, "add", "file")
    git(folder, "commit", "--quiet", "--message=one")
    return folder


def test_the_commit_is_told_also_behind_a_tag(clone: Path) -> None:
    commit = git(clone, "rev-parse", "--short=7", "HEAD")
    git(clone, "tag", "--annotate", "--message=x", "v9")
    assert told_version(clone) == f"{__version__} ({commit})"
    (clone / "file").write_text("two\n")
    assert told_version(clone) == f"{__version__} ({commit}, modified)"
    git(clone, "add", "file")
    assert told_version(clone) == f"{__version__} ({commit}, modified)"


def test_a_file_that_is_not_tracked_changes_nothing(clone: Path) -> None:
    (clone / "notes").touch()
    assert "modified" not in told_version(clone)


def test_a_worktree_is_a_clone(clone: Path) -> None:
    git(clone, "worktree", "add", "--quiet", str(clone.parent / "tree"), "--detach")
    assert told_version(clone.parent / "tree") == told_version(clone) != __version__


def test_the_variables_of_a_hook_of_another_repository_are_not_followed(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = told_version(clone)
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    for variable, value in (("GIT_DIR", other / ".git"), ("GIT_WORK_TREE", other), ("GIT_INDEX_FILE", other / "index")):
        monkeypatch.setenv(variable, str(value))
    assert told_version(clone) == told


def nothing(_clone: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit is told: what the others break is there."""


def no_git(_clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")


def no_clone(clone: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(clone / ".git")


def inside_of_another(clone: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    """As an environment in somebody's project; what is called .git in it is no repository."""
    shutil.move(clone / ".git", clone.parent / ".git")
    (clone / ".git").mkdir()


def without_a_commit(clone: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(clone / ".git")
    git(clone, "init", "--quiet")


def owned_by_somebody(_clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")


@pytest.mark.parametrize("case", [nothing, no_git, no_clone, inside_of_another, without_a_commit, owned_by_somebody])
def test_where_none_can_be_told_the_version_stands_alone(
    clone: Path, monkeypatch: pytest.MonkeyPatch, case: object
) -> None:
    assert callable(case)
    case(clone, monkeypatch)
    assert (told_version(clone) == __version__) is (case is not nothing)
