"""Whatever ends a run, its record is closed, its orphans are ended and exactly what it made is removed."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.faults.conftest import Drills

pytestmark = pytest.mark.lab

BORDERS = [
    "provision",
    "transfer",
    "verify",
    pytest.param("select", marks=pytest.mark.slow),
    pytest.param("replay", marks=pytest.mark.slow),
    pytest.param("start", marks=pytest.mark.slow),
    pytest.param("prove", marks=pytest.mark.slow),
    pytest.param("teardown", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("phase", BORDERS)
def test_sigkill_when_a_phase_begins(drills: Drills, phase: str) -> None:
    before = drills.runs()
    process = drills.start()
    deadline = time.monotonic() + 240
    try:
        while not drills.phase_began(phase, before):
            assert process.poll() is None, f"the drill ended before {phase}: {process.communicate()[0]}"
            assert time.monotonic() < deadline, f"{phase} did not begin"
            time.sleep(0.1)
    finally:
        process.kill()
        process.communicate()
    cleaned = drills.lab.run("drillbook", "drill", "clean", "--json")
    assert cleaned.returncode == 0, cleaned.stdout + cleaned.stderr
    listed = drills.lab.run("drillbook", "evidence", "list", "--json")
    assert json.loads(listed.stdout)[-1]["kind"] == "closed-by-successor"
    drills.assert_nothing_left()
    again = drills.lab.run("drillbook", "drill", "clean", "--json")
    assert json.loads(again.stdout) == []


def test_a_hung_step_is_ended_at_its_own_timeout(drills: Drills) -> None:
    ran = drills.run(drillbook_step_timeout_seconds=8)
    assert ran.code == 3
    assert ran.record["verdict"] == "ERROR"
    assert "8 s" in ran.why()
    drills.assert_nothing_left()
