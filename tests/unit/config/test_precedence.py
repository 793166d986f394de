"""Which of several values a host's variable has: the same as Ansible says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from drillbook.config import Inventory, read_inventory

NAMES = (
    "ansible_port",
    "ansible_ssh_port",
    "ansible_ssh_args",
    "ansible_ssh_common_args",
    "ansible_ssh_extra_args",
    "ansible_private_key_file",
)
ONE, TWO, THREE, FOUR, FIVE, SIX = NAMES
HOSTS = {
    "all": {
        "vars": {ONE: "all", TWO: "all", THREE: "all", FOUR: "all", FIVE: "all"},
        "children": {
            "zone": {
                "vars": {TWO: "zone", THREE: "zone"},
                "children": {"inner": {"vars": {THREE: "inner"}, "hosts": {"h": {FIVE: "host"}}}},
            },
            "alpha": {"vars": {FOUR: "alpha", SIX: "alpha", "ansible_group_priority": 5}, "hosts": {"h": {}}},
            "beta": {"vars": {FOUR: "beta", SIX: "beta"}, "hosts": {"h": {}}},
            "other": {"vars": {ONE: "other"}, "hosts": {"x": {}}},
        },
    }
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "ansible.cfg").write_text("[defaults]\n")
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(HOSTS))
    return tmp_path / "hosts.yml"


def test_precedence_is_ansible_s(source: Path) -> None:
    found = read_inventory([source], root=source.parent)
    said = subprocess.run(
        [Path(sys.executable).with_name("ansible-inventory"), "-i", source, "--host", "h"],
        capture_output=True,
        check=True,
        timeout=60,
        env={"ANSIBLE_CONFIG": str(source.parent / "ansible.cfg"), "PATH": "/usr/bin:/bin", "HOME": str(source.parent)},
    )
    wanted = json.loads(said.stdout)
    assert {name: found.value_of("h", name) for name in NAMES} == {name: wanted[name] for name in NAMES}
    assert {wanted[name] for name in NAMES} == {"all", "zone", "inner", "alpha", "host"}


def test_of_several_names_the_last_one_counts() -> None:
    found = Inventory.parse(
        {
            "_meta": {"hostvars": {"h": {"ansible_ssh_port": 1}}},
            "all": {"children": ["g"], "vars": {"ansible_port": 2}},
            "g": {"hosts": ["h"]},
        }
    )
    assert found.value_of("h", "ansible_ssh_port", "ansible_port") == 2
    assert found.value_of("h", "ansible_port", "ansible_ssh_port") == 1
    assert found.value_of("h", "drillbook_neither") is None
    assert found.value_of("unknown", "ansible_ssh_port") is None


def test_what_is_not_kept_can_not_be_asked_for() -> None:
    found = Inventory.parse({"_meta": {"hostvars": {"h": {"ansible_password": "x"}}}, "all": {"hosts": ["h"]}})
    with pytest.raises(KeyError, match="ansible_password"):
        found.value_of("h", "ansible_password")
