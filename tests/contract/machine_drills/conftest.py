"""A shop with backups, fresh for each test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.contract.machine_drills.driver import Driver
from tests.contract.machine_drills.world import HOSTS, DrillWorld, shop
from tests.support.proxmox import ProxmoxServer

from drillbook.model import Heartbeat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[DrillWorld]:
    """And in the end: every request was one that the official schema knows, and no machine of production was written to."""
    with ProxmoxServer(shop()) as server:
        made = DrillWorld(server, tmp_path / "state")
        for host in HOSTS:
            made.beat(host)
            made.back_up(host, age=60)
        before = {vmid: dict(server.state.guests[vmid].config) for vmid in HOSTS.values()}
        yield made
        assert made.control.invalid() == []
        assert {vmid: server.state.guests[vmid].config for vmid in HOSTS.values()} == before
        assert all(server.state.guests[vmid].status == "running" for vmid in HOSTS.values())


@pytest.fixture
def driver(world: DrillWorld) -> Driver:
    now = datetime.now(UTC)
    published = tuple(Heartbeat(host, 7, now - timedelta(seconds=5), now, now) for host in HOSTS)
    return Driver(world.inventory(), published)
