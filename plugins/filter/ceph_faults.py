"""What keeps a Ceph cluster from serving all of its data, from what it says of itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTATION = """
name: ceph_faults
short_description: What keeps a Ceph cluster from serving all of its data
description:
  - Reads the output of C(ceph status --format=json). A warning is no fault, as a store with one copy of its data always has one.
  - A manager that was just started knows of no placement group yet. That is a fault until it does.
options:
  _input:
    description: What C(ceph status --format=json) says.
    type: str
    required: true
author: drillbook
"""


def ceph_faults(text: str) -> list[str]:
    """Return the faults in words; empty where every placement group serves. What is no status is a fault as well."""
    try:
        return list(_faults(json.loads(text)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return [f"its answer is no status of Ceph: {text[:80]!r}"]


def _faults(status: dict[str, Any]) -> Iterator[str]:
    if status["health"]["status"] == "HEALTH_ERR":
        checks = status["health"]["checks"].values()
        worst = [check["summary"]["message"] for check in checks if check["severity"] == "HEALTH_ERR"]
        yield ", ".join(worst) or "HEALTH_ERR"
    if not status["mgrmap"]["available"]:
        yield "no manager is available"
    up, osds = status["osdmap"]["num_up_osds"], status["osdmap"]["num_osds"]
    if up != osds:
        yield f"{up} of {osds} OSDs are up"
    groups, states = status["pgmap"]["num_pgs"], status["pgmap"]["pgs_by_state"]
    clean = sum(state["count"] for state in states if {"active", "clean"} <= set(state["state_name"].split("+")))
    if clean != groups:
        yield f"{clean} of {groups} placement groups are active and clean"


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {"ceph_faults": ceph_faults}
