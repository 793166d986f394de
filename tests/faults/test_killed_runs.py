"""A run of the lab that is killed: its record is closed, its orphans in the container are ended, and its sandbox is removed."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.faults.conftest import Drills

pytestmark = pytest.mark.lab

# The other phases, and a step that hangs, are killed on the fake kind: tests/contract/kinds/test_killed.py, test_endings.py.
PHASE = "transfer"


def test_sigkill_while_the_sandbox_is_restored_into(drills: Drills) -> None:
    before = drills.runs()
    process = drills.start()
    deadline = time.monotonic() + 240
    try:
        while not drills.phase_began(PHASE, before):
            assert process.poll() is None, f"the drill ended before {PHASE}: {process.communicate()[0]}"
            assert time.monotonic() < deadline, f"{PHASE} did not begin"
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
