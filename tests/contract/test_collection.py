"""The collection: built, installed offline into an empty folder, and its roles named from a playbook that lies elsewhere."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml
from tests.support.wheel import ROOT, copy_of_the_clone

from drillbook import __version__

LAB = ("roles/lab_host", "roles/lab_image", "roles/lab_machine", "playbooks/lab", "plugins/filter/lab.py")
PLAYBOOKS = ("site", "provision", "restore_postgresql", "backup_postgresql", "switchover_postgresql")


def galaxy(*arguments: object) -> None:
    command = [Path(sys.executable).with_name("ansible-galaxy"), "collection", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(), timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def environment(**more: str) -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith(("DRILLBOOK_", "ANSIBLE_"))}
    return {**own, "ANSIBLE_NOCOLOR": "1", **more}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clone = copy_of_the_clone(tmp_path_factory.mktemp("clone") / "drillbook")
    # What a clone that is worked in has, too.
    for left in (".venv/bin/python", ".lab/demo/secrets/key", ".ansible/tmp/file"):
        (clone / left).parent.mkdir(parents=True)
        (clone / left).write_text("left", encoding="utf-8")
    into = tmp_path_factory.mktemp("built")
    galaxy("build", clone, "--output-path", into)
    return into / f"drillbook-platform-{__version__}.tar.gz"


@pytest.fixture(scope="module")
def collections(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("collections")
    # Also where this user has it already: Galaxy would be content with that one.
    galaxy("install", "--offline", "--force", "--collections-path", into, archive)
    return into


def play(collections: Path, folder: Path, role: str, **variables: object) -> subprocess.CompletedProcess[str]:
    """A playbook of somebody's own, which names a role of the collection for this machine."""
    task = {"ansible.builtin.include_role": {"name": f"drillbook.platform.{role}"}, "vars": variables}
    plays = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}]
    (folder / "own.yml").write_text(json.dumps(plays), encoding="utf-8")
    return run(collections, folder, "own.yml")


def run(collections: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), *arguments],
        cwd=folder,
        env=environment(ANSIBLE_COLLECTIONS_PATH=str(collections)),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_it_holds_roles_playbooks_and_plugins_and_nothing_of_a_workplace(archive: Path) -> None:
    with tarfile.open(archive) as held:
        names = held.getnames()
    assert {name.partition("/")[0] for name in names} == {
        *("docs", "meta", "playbooks", "plugins", "roles"),
        *("CHANGELOG.md", "CONTRIBUTING.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md", "SECURITY.md"),
    }
    assert not [name for name in names if name.startswith(LAB) or name.endswith(".pyc")]


def test_its_version_is_that_of_the_package() -> None:
    assert yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"] == __version__


def test_a_role_runs_with_the_modules_and_actions_of_the_collection(collections: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as store:
        endpoint = {"name": "store", "address": "127.0.0.1", "port": store.getsockname()[1]}
        closed = {"isolation_production_ports": [9], "isolation_unroutable_addresses": [], "isolation_names": []}
        sound = play(
            collections,
            tmp_path,
            "isolation",
            **closed,
            isolation_production_addresses=["255.255.255.255"],
            isolation_allowed=[endpoint],
        )
        assert sound.returncode == 0, sound.stdout + sound.stderr
        broken = play(
            collections,
            tmp_path,
            "isolation",
            **closed,
            isolation_production_addresses=["127.0.0.1"],
            isolation_allowed=[endpoint],
        )
    assert broken.returncode != 0
    assert "sandbox is isolated: no; seen: 127.0.0.1:9" in broken.stdout + broken.stderr


def test_the_role_of_the_service_is_found_with_its_specification(collections: Path, tmp_path: Path) -> None:
    refused = play(collections, tmp_path, "postgresql")
    said = refused.stdout + refused.stderr
    assert refused.returncode != 0
    assert "missing required arguments" in said
    assert "postgresql_superuser_password" in said


def test_its_playbooks_find_their_roles(collections: Path, tmp_path: Path) -> None:
    names = [f"drillbook.platform.{name}" for name in PLAYBOOKS]
    read = run(collections, tmp_path, *names, "--inventory", str(ROOT / "inventories/example"), "--syntax-check")
    assert read.returncode == 0, read.stdout + read.stderr
