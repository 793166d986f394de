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
from tests.hygiene.own_names import short_names, unknown_names
from tests.hygiene.test_playbooks import is_playbook
from tests.support.wheel import ROOT, copy_of_the_clone

from drillbook import __version__

COLLECTION = "ansible_collections/drillbook/platform"
LAB = ("roles/lab_host", "roles/lab_image", "roles/lab_machine", "playbooks/lab", "plugins/filter/lab.py")


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


@pytest.fixture(params=["plain", "mitogen"])
def strategy(request: pytest.FixtureRequest, collections: Path) -> dict[str, str]:
    """What chooses Ansible's strategy: Mitogen's has ways of its own to find modules."""
    if request.param == "plain":
        return {}
    folder = collections / COLLECTION / "plugins/strategy"
    return {"ANSIBLE_STRATEGY": "mitogen_unpinned", "ANSIBLE_STRATEGY_PLUGINS": str(folder)}


@pytest.fixture(scope="module")
def collections(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("collections")
    # Also where this user has it already: Galaxy would be content with that one.
    galaxy("install", "--offline", "--force", "--collections-path", into, archive)
    return into


def role(name: str, **variables: object) -> dict[str, object]:
    """A task that names a role of the collection."""
    return {"ansible.builtin.include_role": {"name": f"drillbook.platform.{name}"}, "vars": variables}


def play(collections: Path, folder: Path, task: object, **more: str) -> subprocess.CompletedProcess[str]:
    """A playbook of somebody's own, with a task for this machine."""
    own = {"ansible_python_interpreter": sys.executable}
    plays = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": own, "tasks": [task]}]
    (folder / "own.yml").write_text(json.dumps(plays), encoding="utf-8")
    return run(collections, folder, "own.yml", **more)


def run(collections: Path, folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), *arguments],
        cwd=folder,
        env=environment(ANSIBLE_COLLECTIONS_PATH=str(collections), **more),
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


def test_every_module_has_documentation_that_ansible_can_read(collections: Path) -> None:
    """With the fragments that it extends: `ansible-doc` is where a user looks."""
    names = {f"drillbook.platform.{path.stem}" for path in (collections / COLLECTION / "plugins/modules").glob("*.py")}
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-doc"), "--json", "--type", "module", *sorted(names)],
        env=environment(ANSIBLE_COLLECTIONS_PATH=str(collections)),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert {
        name for name, told in json.loads(done.stdout).items() if told.get("doc", {}).get("description")
    } == names, done.stderr
    assert len(names) > 10


def test_its_version_is_that_of_the_package() -> None:
    assert yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"] == __version__


def files_of(collections: Path) -> list[Path]:
    return sorted(path for path in (collections / COLLECTION).rglob("*") if path.is_file())


def said(done: subprocess.CompletedProcess[str]) -> str:
    """The output in one line, for messages are wrapped."""
    return " ".join((done.stdout + done.stderr).split())


def test_every_role_and_playbook_names_plugins_and_roles_that_it_holds(collections: Path) -> None:
    root, files = collections / COLLECTION, files_of(collections)
    assert len(files) > 400
    assert short_names(root, files) == []
    # Pages tell of the lab, too, and that stays in the clone.
    assert unknown_names(root, [path for path in files if "docs" not in path.parts]) == []


def test_a_role_runs_with_the_modules_and_actions_of_the_collection(
    collections: Path, tmp_path: Path, strategy: dict[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as store:
        endpoint = {"name": "store", "address": "127.0.0.1", "port": store.getsockname()[1]}
        closed = {
            "isolation_production_ports": [9],
            "isolation_unroutable_addresses": [],
            "isolation_names": [],
            # This machine has routes.
            "isolation_routed": True,
            "isolation_allowed": [endpoint],
        }
        tasks = [
            role("isolation", **closed, isolation_production_addresses=[one])
            for one in ("255.255.255.255", "127.0.0.1")
        ]
        sound, broken = [play(collections, tmp_path, task, **strategy) for task in tasks]
    assert sound.returncode == 0, said(sound)
    assert broken.returncode != 0
    assert "sandbox is isolated: no; seen: 127.0.0.1:9" in said(broken)


def test_a_playbook_of_ones_own_uses_each_sort_of_plugin(
    collections: Path, tmp_path: Path, strategy: dict[str, str]
) -> None:
    keys = tmp_path / "writer.json"
    keys.write_text(json.dumps({"access_key": "AK", "secret_key": "SK"}), encoding="utf-8")
    keys.chmod(0o600)
    time = "{{ '2026-01-31T12:00:00Z' | drillbook.platform.pgbackrest_time }}"
    key = f"{{{{ lookup('drillbook.platform.store_key', 'writer', directory='{tmp_path}').access_key }}}}"
    shown = play(
        collections,
        tmp_path,
        {"drillbook.platform.difference": {"before": {}, "after": {"a": [time, key]}}},
        **strategy,
    )
    assert shown.returncode == 0, said(shown)
    assert "changed=1" in said(shown)
    told = play(collections, tmp_path, {"ansible.builtin.fail": {"msg": f"{time} for {key}"}}, **strategy)
    assert "2026-01-31 12:00:00+00 for AK" in said(told)


def test_a_module_finds_what_it_shares_with_others(collections: Path, tmp_path: Path, strategy: dict[str, str]) -> None:
    options = {"state": "released", "run_id": "none", "directory": str(tmp_path / "claims")}
    asked = play(collections, tmp_path, {"drillbook.platform.drillbook_standing_host": options}, **strategy)
    assert (asked.returncode == 0) is (os.geteuid() == 0), said(asked)
    assert asked.returncode == 0 or "it needs root" in said(asked)


def test_a_playbook_runs_with_the_plugins_of_the_collection(
    collections: Path, tmp_path: Path, strategy: dict[str, str]
) -> None:
    """Each goes on until the collection's own plugin has said what is wrong."""
    service = {"name": "ledger", "kind": "postgresql"}
    machine = {"ansible_connection": "local", "proxmox_vm_vmid": 101}
    children = {"ledgers": {"hosts": {"db1": machine}, "vars": {"drillbook_service": service}}}
    (tmp_path / "hosts.yml").write_text(json.dumps({"all": {"children": children}}), encoding="utf-8")
    inventory = ("--inventory", "hosts.yml")
    wrong = ("-e", "restore_service=legder", "-e", "restore_target=db1")
    restore = run(collections, tmp_path, "drillbook.platform.restore_postgresql", *inventory, *wrong, **strategy)
    assert "no group is the service 'legder'" in said(restore)
    provision = run(collections, tmp_path, "drillbook.platform.provision", *inventory, **strategy)
    assert "missing required arguments: proxmox_vm_" in said(provision)


def test_the_role_of_the_service_is_found_with_its_specification(collections: Path, tmp_path: Path) -> None:
    refused = play(collections, tmp_path, role("postgresql"))
    assert refused.returncode != 0
    assert "missing required arguments" in said(refused)
    assert "postgresql_superuser_password" in said(refused)


def test_its_playbooks_find_their_roles(collections: Path, tmp_path: Path) -> None:
    root = collections / COLLECTION / "playbooks"
    playbooks = [path.relative_to(root).with_suffix("") for path in sorted(root.rglob("*.yml")) if is_playbook(path)]
    assert len(playbooks) > 20
    names = [f"drillbook.platform.{'.'.join(path.parts)}" for path in playbooks]
    read = run(collections, tmp_path, *names, "--inventory", str(ROOT / "inventories/example"), "--syntax-check")
    assert read.returncode == 0, said(read)
