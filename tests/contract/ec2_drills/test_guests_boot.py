"""A sandbox host of EC2 really boots: from the user data that RunInstances was given, at the address that EC2 tells, and from nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.contract.ec2_drills.conftest import quick_region
from tests.contract.ec2_drills.sandbox_world import SandboxImage, make_controller_key
from tests.contract.providers.guests import guest_network, logged_in
from tests.contract.providers.test_pinned_keys import make_key
from tests.support.ec2_drills import DRILLS
from tests.support.guests import Ec2Guests, GuestContainers

from drillbook.errors import InfrastructureError
from drillbook.providers.ec2.drill.cloud_config import cloud_config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.lab
LIMIT = timedelta(seconds=120)
"""It boots, beside all else that a whole run starts."""
OWN_KEY = "/etc/ssh/ssh_host_ed25519_key"


class Booting:
    """The region whose isolated subnet is a network of this machine's."""

    def __init__(self, sandboxes: SandboxImage, guests: GuestContainers) -> None:
        self.sandboxes = sandboxes
        self.guests = guests

    def key(self) -> str:
        """The public half of the key that the guest has now."""
        (name,) = self.guests.names()
        found = self.guests.read(name, f"{OWN_KEY}.pub")
        assert found is not None
        return " ".join(found.decode().split()[:2])


@pytest.fixture
def booting(region: str, containers_conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Booting]:
    with (
        guest_network(containers_conf) as network,
        quick_region(region, tmp_path / "state", monkeypatch, isolated=f"{network.subnet}.0/24") as world,
    ):
        guests = network.guests(world.subnet)
        sandboxes = SandboxImage(world, make_controller_key(tmp_path), "-o IdentitiesOnly=yes")
        DRILLS.bodies = Ec2Guests(guests, world.subnet)
        try:
            yield Booting(sandboxes, guests)
            assert world.left() == set()
        finally:
            guests.remove_all()


def test_it_boots_is_logged_in_to_and_goes(booting: Booting, tmp_path: Path) -> None:
    sandboxes = booting.sandboxes
    machine = sandboxes.sandboxes.make(sandboxes.claim(), sandboxes.sandbox, LIMIT)
    assert booting.guests.names() == [sandboxes.instance()["InstanceId"]]
    login = sandboxes.sandboxes.reach(machine, LIMIT)
    assert login.variables["ansible_host"] == sandboxes.instance()["PrivateIpAddress"]
    assert login.host_key == booting.key()
    assert login.host_key != yaml.safe_load(sandboxes.user_data())["ssh_keys"]["ed25519_public"].strip()
    assert logged_in(tmp_path, login, sandboxes.private_key), "as root, by sudo"
    make_key(tmp_path / "other")
    assert not logged_in(tmp_path, login, tmp_path / "other")
    sandboxes.sandboxes.destroy(sandboxes.claim(), LIMIT)
    assert booting.guests.names() == []


@pytest.mark.slow
def test_user_data_that_cloud_init_does_not_understand_is_said(
    booting: Booting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guest is no more lenient than a real one."""
    monkeypatch.setattr(
        "drillbook.providers.ec2.sandboxes.cloud_config", lambda *words: f"{cloud_config(*words)}runcmd: 7\n"
    )
    sandboxes = booting.sandboxes
    machine = sandboxes.sandboxes.make(sandboxes.claim(), sandboxes.sandbox, LIMIT)
    with pytest.raises(InfrastructureError, match=r"cloud-init failed: .*runcmd"):
        sandboxes.sandboxes.reach(machine, LIMIT)
    sandboxes.sandboxes.destroy(sandboxes.claim(), LIMIT)
