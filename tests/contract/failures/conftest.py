"""A shop with heartbeats, fresh for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.contract.failures.console import Console, cluster
from tests.contract.machine_drills.world import HOSTS
from tests.support.proxmox import ProxmoxServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    """And in the end: every request was one that the official schema knows."""
    with ProxmoxServer(cluster()) as server:
        made = Console(server, tmp_path / "state")
        for host in HOSTS:
            made.beat(host)
        yield made
        assert made.control.invalid() == []
