"""The lookup of the store's keys: where they are, when they are not there yet, and that no message holds one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from tests.support.modules import module_at

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
KEYS = {"access_key": "AK", "secret_key": "SK-which-nobody-may-see"}


@pytest.fixture
def lookup() -> Callable[..., dict[str, str]]:
    """Looks one user up, with the variables of a host."""
    path = ROOT / "plugins/lookup/store_key.py"
    module = module_at(path)

    def run(user: str, variables: dict[str, Any], **options: Any) -> dict[str, str]:
        plugin = module.LookupModule(loader=DataLoader(), templar=Templar(DataLoader(), variables=variables))
        plugin.get_option = options.get
        plugin.set_options = lambda **_given: None
        answer: list[dict[str, str]] = plugin.run([user], variables)
        return answer[0]

    return run


def keep(directory: Path, text: str, mode: int = 0o600) -> dict[str, Any]:
    """Write a user's file; return the variables that say where."""
    path = directory / "heartbeat_writer.json"
    path.write_text(text)
    path.chmod(mode)
    return {"drillbook_object_store": {"credentials_directory": str(directory)}, "ansible_check_mode": False}


def test_it_reads_what_the_role_object_store_leaves(lookup: Callable[..., Any], tmp_path: Path) -> None:
    variables = keep(tmp_path, json.dumps({**KEYS, "user": "heartbeat_writer"}))
    assert lookup("heartbeat_writer", variables) == KEYS


def test_another_directory_can_be_named(lookup: Callable[..., Any], tmp_path: Path) -> None:
    keep(tmp_path, json.dumps(KEYS))
    assert lookup("heartbeat_writer", {}, directory=str(tmp_path)) == KEYS


def test_in_a_dry_run_they_may_not_be_made_yet(lookup: Callable[..., Any], tmp_path: Path) -> None:
    variables = keep(tmp_path, json.dumps(KEYS)) | {"ansible_check_mode": True}
    assert lookup("repository_writer", variables) == {"access_key": "not made yet", "secret_key": "not made yet"}
    assert lookup("heartbeat_writer", variables) == KEYS


def test_in_a_run_they_must_be_there(lookup: Callable[..., Any], tmp_path: Path) -> None:
    variables = keep(tmp_path, json.dumps(KEYS))
    with pytest.raises(AnsibleError, match=r"there is no .*repository_writer\.json.*site\.yml"):
        lookup("repository_writer", variables)


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o666])
def test_a_file_that_others_can_read_is_refused(lookup: Callable[..., Any], tmp_path: Path, mode: int) -> None:
    with pytest.raises(AnsibleError, match="can be read by others"):
        lookup("heartbeat_writer", keep(tmp_path, json.dumps(KEYS), mode))


@pytest.mark.parametrize("text", ["", "[]", "3", '{"access_key": "AK"}', json.dumps(KEYS)[:-1], json.dumps([KEYS])])
def test_what_is_no_key_is_said_without_its_content(lookup: Callable[..., Any], tmp_path: Path, text: str) -> None:
    with pytest.raises(AnsibleError, match="is not a JSON object with access_key and secret_key") as failed:
        lookup("heartbeat_writer", keep(tmp_path, text))
    assert KEYS["secret_key"] not in str(failed.value)


@pytest.mark.parametrize("variables", [{}, {"drillbook_object_store": {}}])
def test_an_inventory_that_does_not_say_where_is_told(lookup: Callable[..., Any], variables: dict[str, Any]) -> None:
    with pytest.raises(AnsibleError, match=r"no drillbook_object_store\.credentials_directory"):
        lookup("heartbeat_writer", variables)


@pytest.mark.parametrize(("check", "wanted"), [((), "AK"), (("--check",), "not made yet")])
def test_a_playbook_finds_it_by_its_name(tmp_path: Path, check: tuple[str, ...], wanted: str) -> None:
    """As group_vars use it: Ansible itself says where the plug-in and the variables are."""
    store = keep(tmp_path, json.dumps(KEYS))["drillbook_object_store"]
    user = "heartbeat_writer" if not check else "repository_writer"
    (tmp_path / "inventory.yml").write_text(
        json.dumps(
            {
                "all": {
                    "hosts": {"localhost": {"ansible_connection": "local"}},
                    "vars": {"drillbook_object_store": store},
                }
            }
        )
    )
    (tmp_path / "play.yml").write_text(
        json.dumps(
            [
                {
                    "hosts": "localhost",
                    "gather_facts": False,
                    "tasks": [
                        {
                            "ansible.builtin.debug": {
                                "msg": f"found {{{{ lookup('drillbook.platform.store_key', '{user}').access_key }}}}."
                            }
                        }
                    ],
                }
            ]
        )
    )
    ran = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", tmp_path / "inventory.yml", *check, tmp_path / "play.yml"],
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"found {wanted}." in ran.stdout
