"""What the restored data says about its own age cannot be talked away."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.faults.conftest import Bucket

if TYPE_CHECKING:
    from collections.abc import Callable

    from testinfra.host import Host
    from tests.faults.conftest import Drills

pytestmark = pytest.mark.lab


def test_an_old_recovery_point_is_judged_by_its_content(drills: Drills) -> None:
    """A backup that was copied again has a new modification time; its newest heartbeat has not."""
    ran = drills.run("--disaster-at", (datetime.now(UTC) + timedelta(minutes=10)).isoformat())
    assert ran.code == 1
    assert ran.record["verdict"] == "FAIL"
    assert ran.record["rpo"]["actual_seconds"] > ran.record["rpo"]["objective_seconds"]
    drills.assert_nothing_left()


def test_a_clock_that_is_five_seconds_off(drills: Drills) -> None:
    bucket = Bucket(drills.lab, "repository_writer", "heartbeat")
    wrong = (datetime.now(UTC) + timedelta(seconds=5)).isoformat()
    beat = {"schema": "drillbook.heartbeat/1", "service": "main", "host": "db9", "counter": 1}
    bucket.put("main/db9.json", json.dumps({**beat, "written_at": wrong, "published_at": wrong}).encode())
    try:
        ran = drills.run()
    finally:
        bucket.delete("main/db9.json")
    assert ran.code == 3
    assert "clock fault: db9" in ran.why()
    drills.assert_nothing_left()


def test_heartbeats_that_failed_before_the_disaster(drills: Drills, host: Callable[[str], Host]) -> None:
    for name in ("db1", "db2", "db3"):
        host(name).check_output("systemctl stop drillbook-heartbeat.service")
    try:
        time.sleep(65)
        ran = drills.run()
    finally:
        for name in ("db1", "db2", "db3"):
            host(name).check_output("systemctl start drillbook-heartbeat.service")
    assert ran.code == 1
    assert ran.record["rpo"]["inputs"]["heartbeats_failing_seconds"] >= 60
    assert ran.record["rpo"]["actual_seconds"] >= ran.record["rpo"]["inputs"]["heartbeats_failing_seconds"]
    drills.assert_nothing_left()
