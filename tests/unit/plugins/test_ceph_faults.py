"""What is read of `ceph status`. The answer is one of Ceph 18.2.7, cut to the parts that are asked for."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.modules import module_at

FILTER = Path(__file__).resolve().parents[3] / "plugins/filter/ceph_faults.py"
ceph_faults = module_at(FILTER).ceph_faults

STATUS: dict[str, Any] = {
    "health": {
        "status": "HEALTH_WARN",
        "checks": {
            "MGR_MODULE_DEPENDENCY": {
                "severity": "HEALTH_WARN",
                "summary": {"message": "13 mgr modules have failed dependencies", "count": 13},
                "muted": False,
            }
        },
    },
    "osdmap": {"num_osds": 1, "num_up_osds": 1},
    "pgmap": {
        "pgs_by_state": [
            {"state_name": "active+clean", "count": 39},
            {"state_name": "active+clean+scrubbing+deep", "count": 1},
        ],
        "num_pgs": 40,
    },
    "mgrmap": {"available": True},
}
FULL = {"OSD_FULL": {"severity": "HEALTH_ERR", "summary": {"message": "1 full osd(s)", "count": 1}, "muted": False}}


def told(**changes: dict[str, Any]) -> str:
    """The status with other parts."""
    status = copy.deepcopy(STATUS)
    for part, change in changes.items():
        status[part] |= change
    return json.dumps(status)


def test_a_store_that_serves_has_no_faults() -> None:
    assert ceph_faults(told()) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"health": {"status": "HEALTH_ERR", "checks": FULL}}, "1 full osd(s)"),
        ({"health": {"status": "HEALTH_ERR", "checks": {}}}, "HEALTH_ERR"),
        ({"osdmap": {"num_up_osds": 0}}, "0 of 1 OSDs are up"),
        ({"mgrmap": {"available": False}}, "no manager is available"),
        ({"pgmap": {"pgs_by_state": []}}, "0 of 40 placement groups are active and clean"),
        (
            {"pgmap": {"pgs_by_state": [{"state_name": "active+undersized+degraded", "count": 40}]}},
            "0 of 40 placement groups are active and clean",
        ),
    ],
)
def test_each_fault_is_told(changes: dict[str, dict[str, Any]], said: str) -> None:
    assert ceph_faults(told(**changes)) == [said]


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{}", '{"health": 1}', told(health={"checks": None, "status": "HEALTH_ERR"})]
)
def test_what_is_no_status_is_a_fault(text: str) -> None:
    (fault,) = ceph_faults(text)
    assert "no status of Ceph" in fault
