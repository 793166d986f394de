"""The wheel alone: installed somewhere, with no clone beside it, it makes an inventory and plans the drills of that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.wheel import OFFLINE, PIP, build_wheel, copy_of_the_clone

from drillbook import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    Drillbook = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("inventories", "meta", "playbooks", "plugins", "roles")
COLLECTION = "drillbook/ansible_collections/drillbook/platform"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the wheel was installed into; what it depends on is this environment's."""
    wheels, into = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("installed")
    wheel = build_wheel(copy_of_the_clone(tmp_path_factory.mktemp("clone") / "drillbook"), wheels)
    subprocess.run([*PIP, "install", *OFFLINE, "--no-compile", "--target", into, wheel], check=True)
    return into


@pytest.fixture
def drillbook(installed: Path, tmp_path: Path) -> Drillbook:
    """Calls it in an empty folder."""
    home = tmp_path / "home"
    home.mkdir()

    def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        own = {key: value for key, value in os.environ.items() if not key.startswith(("DRILLBOOK_", "ANSIBLE_"))}
        return subprocess.run(
            [sys.executable, "-m", "drillbook", *arguments],
            cwd=home,
            env={**own, "PYTHONPATH": str(installed), "HOME": str(home), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return call


def test_it_brings_all_but_the_lab(installed: Path) -> None:
    tracked = subprocess.run(
        ["git", "-C", ROOT, "ls-files", *FOLDERS],  # noqa: S607 - git is in the PATH
        check=True,
        capture_output=True,
        text=True,
    )
    platform = installed / COLLECTION
    brought = {str(path.relative_to(platform)) for path in platform.rglob("*") if path.is_file()}
    missing = {name for name in tracked.stdout.splitlines() if (ROOT / name).is_file()} - brought
    assert {name for name in missing if not any(part.startswith("lab") for part in Path(name).parts)} == set()
    assert missing, "the lab is not brought"
    assert not [name for name in brought if "lab" in Path(name).parts or name.endswith(".pyc")]
    assert "inventory = " not in (platform / "ansible.cfg").read_text(encoding="utf-8")


def test_it_is_not_the_clone(installed: Path, drillbook: Drillbook) -> None:
    assert drillbook("--platform").stdout.strip() == str(installed / COLLECTION)
    assert drillbook("--version").stdout.strip() == f"drillbook {__version__}"
    refused = drillbook("drill", "list")
    assert refused.returncode == 2
    assert "no inventory was given" in refused.stderr


def test_an_inventory_is_made_and_its_drill_is_planned(drillbook: Drillbook, tmp_path: Path) -> None:
    own = tmp_path / "own"
    made = drillbook("init", str(own))
    assert made.returncode == 0, made.stderr
    said = {
        "DRILLBOOK_INVENTORY": str(own / "inventory"),
        "ANSIBLE_VAULT_PASSWORD_FILE": str(own / "vault_password"),
    }
    checked = drillbook("config", "check", **said)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    planned = drillbook("drill", "plan", "postgresql-latest", **said)
    assert planned.returncode == 0, planned.stderr
    assert "sandbox1" in planned.stdout


def test_its_playbooks_are_run_where_it_says(installed: Path, drillbook: Drillbook, tmp_path: Path) -> None:
    own = tmp_path / "own"
    drillbook("init", str(own))
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "playbooks/site.yml", "--syntax-check"],
        cwd=installed / COLLECTION,
        env={
            **os.environ,
            "ANSIBLE_INVENTORY": str(own / "inventory"),
            "ANSIBLE_VAULT_PASSWORD_FILE": str(own / "vault_password"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
