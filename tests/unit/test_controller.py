"""What Ansible needs of the controller is given, or said to be missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from drillbook.controller import ansible_environment
from drillbook.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]
ASKED = "from pathlib import Path; from drillbook.controller import ansible_environment; print(ansible_environment(Path('/root')))"


def given(**locale: str) -> str:
    """What a process is given whose environment has this locale alone."""
    rest = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
    done = subprocess.run(
        [sys.executable, "-c", ASKED], env={**rest, **locale}, check=True, capture_output=True, text=True
    )
    return done.stdout


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"LC_ALL": "POSIX"}, {"LANG": "xx_YY.UTF-8"}, {"LC_ALL": "xx_YY"}])
def test_a_locale_that_ansible_would_not_start_in_is_replaced(locale: dict[str, str]) -> None:
    assert "'LC_ALL': 'C.UTF-8'" in given(**locale)


@pytest.mark.parametrize("locale", [{"LC_ALL": "C.UTF-8"}, {"LANG": "C.UTF-8"}, {}])
def test_a_locale_that_it_starts_in_is_kept(locale: dict[str, str]) -> None:
    assert "LC_ALL" not in given(**locale)


@pytest.mark.parametrize(("locale", "starts"), [("C.UTF-8", True), ("C", False)])
def test_ansible_needs_what_is_given(locale: str, starts: bool) -> None:
    argv = [Path(sys.executable).with_name("ansible"), "--version"]
    done = subprocess.run(argv, env={**os.environ, "LC_ALL": locale}, capture_output=True, check=False)
    assert (done.returncode == 0) is starts, "where Ansible starts in any locale, drillbook.controller may go"


def test_a_home_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")
    with pytest.raises(ConfigurationError, match="the home directory can't be written") as refused:
        ansible_environment(ROOT)
    assert refused.value.where == "/nonexistent"
    assert "set HOME" in refused.value.remedy


def test_a_user_without_a_home_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.getuid", lambda: 4242)
    with pytest.raises(ConfigurationError, match="this user has no home directory"):
        ansible_environment(ROOT)


def test_a_home_that_ansible_has_made_its_own_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".ansible").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ansible_environment(ROOT)["ANSIBLE_CONFIG"] == str(ROOT / "ansible.cfg")


def test_collections_that_a_user_names_come_after_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable outranks ansible.cfg."""
    monkeypatch.delenv("ANSIBLE_COLLECTIONS_PATH", raising=False)
    assert "ANSIBLE_COLLECTIONS_PATH" not in ansible_environment(ROOT)
    monkeypatch.setenv("ANSIBLE_COLLECTIONS_PATH", str(tmp_path))
    environment = ansible_environment(ROOT)
    argv = [
        Path(sys.executable).with_name("ansible"),
        "localhost",
        "-i",
        "localhost,",
        "-m",
        "drillbook.platform.difference",
    ]
    for given, status in ((environment, 0), ({**environment, "ANSIBLE_COLLECTIONS_PATH": str(tmp_path)}, 2)):
        done = subprocess.run(
            [*argv, "-a", "before=1 after=1"], env={**os.environ, **given}, capture_output=True, check=False
        )
        assert done.returncode == status, done.stdout + done.stderr


def test_the_collection_of_a_wheel_comes_first_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_COLLECTIONS_PATH", "/theirs")
    brought = tmp_path / "ansible_collections/drillbook/platform"
    assert ansible_environment(brought)["ANSIBLE_COLLECTIONS_PATH"] == f"{tmp_path}:/theirs"
