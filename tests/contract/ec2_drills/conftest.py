"""A shop in a region with backups, fresh for each test."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.ec2_drills import driver as quick
from tests.contract.ec2_drills.sandbox_world import LIMIT, SandboxWorld
from tests.contract.ec2_drills.world import HOSTS, Ec2DrillWorld
from tests.contract.machine_drills.driver import Driver
from tests.support import ec2_agents, ec2_drills, moto_images
from tests.support.ec2_rights import RIGHTS
from tests.support.moto_server import forget, moto_server
from tests.support.ssh_host import SshHost

from drillbook.model import Heartbeat
from drillbook.providers.ec2 import api, openers
from drillbook.providers.ec2.drill import instances, removal, volumes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from drillbook.providers.ec2.place import Ec2Place


@pytest.fixture(scope="session")
def region() -> Iterator[str]:
    with taught_moto() as address:
        yield address


@contextmanager
def taught_moto() -> Iterator[str]:
    """Its address, with all that drills meet in EC2."""
    moto_images.install()
    ec2_drills.install()
    ec2_agents.install()
    with moto_server() as address:
        yield address


# Making a client takes long, and one serves all tests: places and keys' files differ, the key in them does not.
_CLIENTS: dict[tuple[str | None, str, int, str], Any] = {}
_CONNECT = api._connect


def _connect(place: Ec2Place, user: str, attempts: int, service: api.AwsService) -> Any:
    key = (place.endpoint, user, attempts, service)
    if key not in _CLIENTS:
        _CLIENTS[key] = _CONNECT(place, user, attempts, service)
    return _CLIENTS[key]


@contextmanager
def quick_region(
    endpoint: str, state_directory: Path, patch: pytest.MonkeyPatch, **more: str
) -> Iterator[Ec2DrillWorld]:
    """A world that is late by moments only; and in the end: no machine of production was written to."""
    patch.setattr(api, "_connect", _connect)
    patch.setattr(api, "_ATTEMPTS", 3)
    patch.setattr(openers, "open_restores", openers.open_restores)
    patch.setattr(openers, "open_sandboxes", openers.open_sandboxes)
    patch.setattr(removal, "SETTLED", removal.SETTLED)
    patch.setattr(instances, "CARD_APPEARS", instances.CARD_APPEARS)
    patch.setattr(volumes, "TOLD", volumes.TOLD)
    quick.hasten(0.2)
    for plan in (moto_images.PLAN, ec2_drills.DRILLS, ec2_agents.AGENTS):
        plan.reset()
    RIGHTS.policies.clear()
    forget(endpoint)
    made = Ec2DrillWorld(endpoint, state_directory, **more)
    made.remember()
    ec2_drills.DRILLS.asked.clear()
    yield made
    RIGHTS.policies.clear()
    ec2_drills.DRILLS.reset()
    assert made.production() == made.before


@pytest.fixture
def world(region: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ec2DrillWorld]:
    with quick_region(region, tmp_path / "state", monkeypatch) as made:
        yield made


@pytest.fixture
def driver(world: Ec2DrillWorld) -> Driver:
    now = datetime.now(UTC)
    published = tuple(Heartbeat(host, 7, now - timedelta(seconds=5), now, now) for host in HOSTS)
    return Driver(world.inventory(), published)


@pytest.fixture
def sandboxes(world: Ec2DrillWorld, tmp_path: Path) -> Iterator[SandboxWorld]:
    """And in the end nothing is left of a sandbox host."""
    with SshHost(tmp_path / "host") as host:
        made = SandboxWorld(world, host, tmp_path)
        yield made
        made.open().destroy(made.claim(), LIMIT)
        assert world.left() == set()
