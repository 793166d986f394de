"""How a group is brought to rest is whole or refused: what is brought to rest must also be let go on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.world import inventory_json

from drillbook.config import Inventory, configuration
from drillbook.errors import ConfigurationError
from drillbook.model import MachineGroup, Quiesce, QuiesceHook

if TYPE_CHECKING:
    from pathlib import Path

QUIESCE, RESUME = "playbooks/quiesce_shop.yml", "playbooks/resume_shop.yml"
BOTH = {"quiesce_playbook": QUIESCE, "resume_playbook": RESUME}


def group(directory: Path, **machines: Any) -> MachineGroup:
    data = inventory_json(directory)
    data["all"]["vars"]["drillbook_providers"] += [{"name": "aws", "kind": "ec2", "region": "eu-central-1"}]
    data["shop"] = {"hosts": ["web1"], "vars": {"drillbook_machines": {"provider": "aws", **machines}}}
    return configuration(Inventory.parse(data)).machine_group("shop")


def test_a_hook_has_both_playbooks_and_a_time(tmp_path: Path) -> None:
    found = group(tmp_path, quiesce="hook", quiesce_timeout_seconds=7, **BOTH)
    assert (found.quiesce, found.hook) == (Quiesce.HOOK, QuiesceHook(QUIESCE, RESUME, timedelta(seconds=7)))


def test_without_one_there_is_none(tmp_path: Path) -> None:
    assert group(tmp_path, quiesce="agent").hook is None


@pytest.mark.parametrize("machines", [{"quiesce": "none"}, {"quiesce": "hook", **BOTH}])
def test_memory_is_kept_where_nothing_is_frozen(tmp_path: Path, machines: dict[str, Any]) -> None:
    assert group(tmp_path, ram=True, **machines).ram


@pytest.mark.parametrize(
    ("machines", "message"),
    [
        ({"quiesce": "hook"}, "hook needs both quiesce_playbook and resume_playbook"),
        ({"quiesce": "hook", "quiesce_playbook": QUIESCE}, "hook needs both"),
        ({"quiesce": "hook", "resume_playbook": RESUME}, "hook needs both"),
        ({"quiesce": "agent", **BOTH}, "quiesce_playbook and resume_playbook: run only with quiesce: hook"),
        ({"quiesce": "agent", "ram": True}, "ram: true keeps the memory of a guest whose file systems are frozen"),
        ({"resume_playbook": RESUME}, "resume_playbook: run only with quiesce: hook"),
        ({"quiesce": "hook", **BOTH, "quiesce_playbook": "/etc/quiesce.yml"}, "should match pattern"),
        ({"quiesce": "hook", **BOTH, "resume_playbook": "playbooks/../resume.yml"}, "should match pattern"),
        ({"quiesce": "hook", **BOTH, "quiesce_timeout_seconds": 0}, "greater than 0"),
    ],
)
def test_refusals(tmp_path: Path, machines: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        group(tmp_path, **machines)
    assert message in caught.value.message
    assert "group_vars of shop" in caught.value.where
