"""Which of several values a host's variable has: the same as Ansible says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from drillbook.config import Inventory, read_inventory

HOSTS = {
    "all": {
        "vars": {"one": "all", "two": "all", "three": "all", "four": "all", "five": "all"},
        "children": {
            "zone": {
                "vars": {"two": "zone", "three": "zone"},
                "children": {"inner": {"vars": {"three": "inner"}, "hosts": {"h": {"five": "host"}}}},
            },
            "alpha": {"vars": {"four": "alpha", "six": "alpha", "ansible_group_priority": 5}, "hosts": {"h": {}}},
            "beta": {"vars": {"four": "beta", "six": "beta"}, "hosts": {"h": {}}},
            "other": {"vars": {"one": "other"}, "hosts": {"x": {}}},
        },
    }
}
NAMES = ("one", "two", "three", "four", "five", "six")


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
            "_meta": {"hostvars": {"h": {"old": 1}}},
            "all": {"children": ["g"], "vars": {"new": 2}},
            "g": {"hosts": ["h"]},
        }
    )
    assert found.value_of("h", "old", "new") == 2
    assert found.value_of("h", "new", "old") == 1
    assert found.value_of("h", "neither") is None
    assert found.value_of("unknown", "old") is None
