"""Fixtures: a world in which a drill passes, and the script to spoil it."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.world import (
    START,
    FakeClock,
    FakePlaybooks,
    Script,
    World,
    instant,
    inventory_json,
    published_beat,
)

from drillbook.config import Inventory, configuration
from drillbook.evidence import EvidenceLog, Signer


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def script(clock: FakeClock) -> Script:
    """A good drill: the newest heartbeat is 12 s older than the disaster."""
    return Script(
        clock,
        facts={
            "isolated": True,
            "recovery_point": {"label": "20260131-110000F", "timeline": 1},
            "predicted": {"bytes": 1000, "disk_bytes": 3000},
            "newest_heartbeat": {"counter": 40, "written_at": instant(START - timedelta(seconds=12)), "host": "db1"},
        },
        checks=[{"name": "heartbeat found", "stage": "verify", "passed": True, "expected": "a row", "actual": "40"}],
    )


@pytest.fixture
def world(tmp_path: Path, clock: FakeClock, script: Script) -> World:
    """A world in which a drill passes."""
    evidence = EvidenceLog(tmp_path / "evidence", Signer.load_or_create(tmp_path / "key.pem"), clock.now, None)
    return World(
        directory=tmp_path,
        clock=clock,
        playbooks=FakePlaybooks(script.acts()),
        evidence=evidence,
        configuration=configuration(Inventory.parse(inventory_json(tmp_path))),
        published=[published_beat(clock)],
    )
