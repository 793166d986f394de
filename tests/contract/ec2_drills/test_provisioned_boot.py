"""An instance that really boots is logged in to by the key that was pinned, after it was made and after it was made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.contract.ec2_drills.conftest import quick_region
from tests.contract.ec2_drills.provisioned import ProvisionedWorld
from tests.contract.providers.guests import guest_network
from tests.support.ec2_drills import DRILLS
from tests.support.guests import Ec2Guests, GuestContainers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.lab, pytest.mark.slow]
OWN_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"


class Booting(ProvisionedWorld):
    """The region whose subnet is a network of this machine's."""

    guests: GuestContainers

    def own(self) -> str:
        """The line of the key that it has inside."""
        (name,) = self.guests.names()
        found = self.guests.read(name, OWN_KEY)
        assert found is not None
        return f"{self.address} {' '.join(found.decode().split()[:2])}\n"


@pytest.fixture
def booting(region: str, containers_conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Booting]:
    with (
        guest_network(containers_conf) as network,
        quick_region(region, tmp_path / "state", monkeypatch, isolated=f"{network.subnet}.0/24") as world,
    ):
        made = Booting(world, tmp_path, f"{network.subnet}.20")
        made.guests = network.guests(world.subnet)
        DRILLS.bodies = Ec2Guests(made.guests, world.subnet)
        try:
            yield made
        finally:
            made.guests.remove_all()


def test_it_is_known_by_its_own_key_each_time_that_it_is_made(booting: Booting) -> None:
    first = booting.provision()
    assert first.status == 0, first.output
    assert "TASK [Wait until the machine answers]" in first.output
    former = booting.own()
    assert booting.known_hosts.read_text(encoding="utf-8") == former
    booting.lose()
    assert booting.guests.names() == []
    again = booting.provision()
    assert again.status == 0, again.output
    assert booting.own() != former
    assert booting.known_hosts.read_text(encoding="utf-8") == booting.own()
