"""The lab's own inventory says what the lab is as a provider of machines."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from drillbook.config import configuration, read_inventory
from drillbook.providers.lab.place import LabDrillRange, LabPlace

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).resolve().parents[3]


def test_the_load_balancer_is_a_machine_of_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRILLBOOK_LAB", "other")
    found = configuration(read_inventory([ROOT / "inventories/lab"], root=ROOT))
    group = found.machine_group("load_balancers")
    place = found.provider(group.provider)
    assert isinstance(place, LabPlace)
    assert (place.prefix, place.containers_conf) == ("other", ROOT / ".lab/other/containers.conf")
    assert isinstance(place.drill, LabDrillRange)
    assert (place.drill.network, place.drill.control.endswith(".31:7480")) == ("other-sandbox", True)
    drill = found.drill("machines-latest")
    assert (drill.service.name, drill.service.kind.name, drill.service.hosts) == ("edge", "machines", group.hosts)
    assert group.backup is not None
    assert set(group.probes) <= set(group.hosts)


def test_a_clone_whose_path_has_a_space_is_reached(tmp_path: Path) -> None:
    """ssh takes an unquoted path with a space for two files, and then believes no key."""
    lab = tmp_path / "a clone/inventories/lab"
    shutil.copytree(ROOT / "inventories/lab", lab)
    listed = output_of(sys.executable, str(lab / "lab.py"), "--list")
    (arguments, *_) = {host["ansible_ssh_common_args"] for host in json.loads(listed)["_meta"]["hostvars"].values()}
    shown = output_of(shutil.which("ssh") or "ssh", "-G", *shlex.split(arguments), "host")
    (known,) = [line for line in shown.splitlines() if line.startswith("userknownhostsfile ")]
    assert known == f"userknownhostsfile {tmp_path}/a clone/.lab/drillbook/ssh/known_hosts"


def output_of(*command: str) -> str:
    environment = {**os.environ, "DRILLBOOK_LAB": "drillbook"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment)
    return done.stdout


def test_the_scenarios_hosts_are_reached_alike() -> None:
    said = yaml.safe_load((ROOT / "molecule/shared/inventory/group_vars/molecule/lab.yml").read_text(encoding="utf-8"))
    words = shlex.split(said["ansible_ssh_common_args"].replace("{{ lab_state }}", "/a clone/.lab/x"))
    assert 'UserKnownHostsFile="/a clone/.lab/x/ssh/known_hosts"' in words
