"""The worlds, each fresh for a test, or as good as fresh."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.contract.machine_drills.world import shop as drilled_shop
from tests.contract.providers.ec2 import Ec2World
from tests.contract.providers.lab import LabWorld
from tests.contract.providers.lab_restores import LabRestoreWorld
from tests.contract.providers.proxmox import ProxmoxWorld, shop
from tests.contract.providers.proxmox_restores import ProxmoxRestoreWorld
from tests.support import moto_images, moto_volumes
from tests.support.moto_server import forget, moto_server
from tests.support.proxmox import ProxmoxServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.providers.world import BackupWorld, RestoreWorld, World


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    moto_images.install()
    moto_volumes.install()
    with moto_server() as address:
        yield address


@pytest.fixture
def ec2(moto: str, tmp_path: Path) -> Ec2World:
    moto_images.PLAN.reset()
    moto_volumes.PLAN.reset()
    forget(moto)
    return Ec2World(moto, tmp_path / "keys")


@pytest.fixture
def proxmox(tmp_path: Path) -> Iterator[ProxmoxWorld]:
    """And in the end: every request was one that the official schema knows."""
    with ProxmoxServer(shop()) as server:
        world = ProxmoxWorld(server, tmp_path / "tokens")
        yield world
        assert world.control.invalid() == []


@pytest.fixture(scope="module")
def lab_of_the_module(containers_conf: Path) -> Iterator[LabWorld]:
    """Containers of the lab's base image with names and networks of their own; nothing of them stays."""
    made = LabWorld(containers_conf)
    try:
        made.build()
        yield made
    finally:
        made.remove()


@pytest.fixture
def lab_shop(lab_of_the_module: LabWorld) -> Iterator[LabWorld]:
    """They take most of a second to make, so each test leaves them to the next as they were."""
    try:
        yield lab_of_the_module
    finally:
        lab_of_the_module.renew()


@pytest.fixture(scope="module")
def small_lab_of_the_module(containers_conf: Path) -> Iterator[LabWorld]:
    made = LabWorld(containers_conf, small=True)
    try:
        made.build()
        yield made
    finally:
        made.remove()


@pytest.fixture
def small_lab_shop(small_lab_of_the_module: LabWorld) -> Iterator[LabWorld]:
    """Nothing runs in them but `sleep`, which backups don't mind: a look at one reads a few MB."""
    try:
        yield small_lab_of_the_module
    finally:
        small_lab_of_the_module.renew()


@pytest.fixture
def lab_database(containers_conf: Path) -> Iterator[LabWorld]:
    """The same with the database's container alone."""
    made = LabWorld(containers_conf)
    try:
        made.build(made.hosts[:1])
        yield made
    finally:
        made.remove()


@pytest.fixture(params=["ec2", "proxmox", pytest.param("small_lab_shop", marks=pytest.mark.lab, id="lab")])
def backup_world(request: pytest.FixtureRequest) -> BackupWorld:
    made: BackupWorld = request.getfixturevalue(request.param)
    return made


@pytest.fixture(params=["ec2", "proxmox", pytest.param("lab_shop", marks=pytest.mark.lab, id="lab")])
def world(request: pytest.FixtureRequest) -> World:
    made: World = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def proxmox_restores(tmp_path: Path) -> Iterator[ProxmoxRestoreWorld]:
    """And in the end: every request was one that the official schema knows."""
    with ProxmoxServer(drilled_shop()) as server:
        yield ProxmoxRestoreWorld(server, tmp_path / "state")
        assert server.control.invalid() == []


@pytest.fixture
def lab_restores(lab_shop: LabWorld) -> LabRestoreWorld:
    return LabRestoreWorld(lab_shop)


@pytest.fixture(
    params=[
        pytest.param("proxmox_restores", id="proxmox"),
        pytest.param("lab_restores", marks=pytest.mark.lab, id="lab"),
    ]
)
def restore_world(request: pytest.FixtureRequest) -> RestoreWorld:
    made: RestoreWorld = request.getfixturevalue(request.param)
    return made
