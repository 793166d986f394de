"""The worlds, each fresh for a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests
from moto.server import ThreadedMotoServer
from tests.contract.providers.ec2 import Ec2World
from tests.contract.providers.proxmox import ProxmoxWorld, shop
from tests.support.proxmox import ProxmoxServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.providers.world import World


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def ec2(moto: str, tmp_path: Path) -> Ec2World:
    requests.post(f"{moto}/moto-api/reset", timeout=10).raise_for_status()
    return Ec2World(moto, tmp_path / "keys.json")


@pytest.fixture
def proxmox(tmp_path: Path) -> Iterator[ProxmoxWorld]:
    """And in the end: every request was one that the official schema knows."""
    with ProxmoxServer(shop()) as server:
        world = ProxmoxWorld(server, tmp_path / "tokens")
        yield world
        assert world.control.invalid() == []


@pytest.fixture(params=["ec2", "proxmox"])
def world(request: pytest.FixtureRequest) -> World:
    made: World = request.getfixturevalue(request.param)
    return made
