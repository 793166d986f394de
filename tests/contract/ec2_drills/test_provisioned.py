"""The host key of an instance that playbooks/provision.yml makes: the throw-away one of its user data is seen once, its own is pinned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.ec2_drills.provisioned import ProvisionedWorld
from tests.support.ec2_drills import DRILLS
from tests.support.ssh_host import HOST_KEY, SshHost

from drillbook.ssh_key import SshKey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.ec2_drills.world import Ec2DrillWorld

ADDRESS = "10.9.1.20"
OTHERS = f"10.9.1.99 {SshKey.generate().public} somebody's\n"
OLD = f"{ADDRESS} {SshKey.generate().public}\n"
# What answers has no Python of its own.
ANSWERS = {"ansible_connection": "local", "provision_wait_seconds": 60}


class OneHost:
    """Implements `Bodies` of moto: each instance that is made is the same ssh server, which boots anew, or does not."""

    def __init__(self, host: SshHost) -> None:
        self.host = host
        self.user_data: list[str] = []
        self.boots = True

    def power_on(self, instance: Any, user_data: str) -> None:  # noqa: ARG002 - as moto calls it
        self.user_data.append(user_data)
        if self.boots:
            self.host.boot(user_data)

    def remove(self, instance: Any) -> None:
        """It is another one that boots."""


class World(ProvisionedWorld):
    """With that server at whatever address is asked for."""

    def __init__(self, world: Ec2DrillWorld, folder: Path, host: SshHost) -> None:
        super().__init__(world, folder, ADDRESS, host.arguments)
        self.host = host
        self.body = OneHost(host)
        DRILLS.bodies = self.body
        self.known_hosts.write_text(OLD + OTHERS, encoding="utf-8")

    def pinned(self) -> str:
        return self.known_hosts.read_text(encoding="utf-8").removeprefix(OTHERS)

    def own(self) -> str:
        """The line of the key that it has now."""
        return f"{ADDRESS} {' '.join(self.host.read(f'{HOST_KEY}.pub').split()[:2])}\n"


@pytest.fixture
def provisioned(world: Ec2DrillWorld, tmp_path: Path) -> Iterator[World]:
    with SshHost(tmp_path / "host") as host:
        yield World(world, tmp_path, host)


def test_its_own_key_is_pinned_and_the_throw_away_one_is_nowhere(provisioned: World) -> None:
    dry = provisioned.provision("--check", "--diff", **ANSWERS)
    assert dry.status == 0, dry.output
    assert f"+{ADDRESS} <its own key>" in dry.output
    assert (provisioned.body.user_data, provisioned.pinned()) == ([], f"{OLD}{OTHERS}")
    done = provisioned.provision("-vvv", **ANSWERS)
    assert done.status == 0, done.output
    assert provisioned.pinned() == provisioned.own()
    (told,) = provisioned.body.user_data
    secret = next(line for line in told.splitlines() if "ed25519_private" in line).split("\\n")[3]
    assert len(secret) > 60
    assert secret not in done.output
    outside = [path for path in provisioned.controller.home.rglob("*") if path.is_file()]
    held = [path for path in outside if secret in path.read_text(errors="replace")]
    assert held == [], "what it was told at first is on neither side"
    again = provisioned.provision(**ANSWERS)
    assert (again.status, again.changed()) == (0, {"db1": 0}), again.output
    assert "ssh does not know" not in again.sentence()


@pytest.mark.slow
def test_another_host_at_its_address_is_not_logged_in_to(provisioned: World) -> None:
    """And the instance, which is there then, is pinned by name once it answers itself."""
    provisioned.body.boots = False
    refused = provisioned.provision(**ANSWERS)
    assert refused.status != 0
    assert "it shows another host key than its own: nobody logged in" in refused.sentence()
    assert provisioned.host.programs == []
    assert provisioned.pinned() == ""
    found = provisioned.provision(**ANSWERS)
    assert (found.status, found.changed()) == (0, {"db1": 0}), found.output
    assert "ssh does not know the host key of db1" in found.sentence()
    assert "-e provision_pin=db1" in found.sentence()
    provisioned.host.boot(provisioned.body.user_data[0])
    named = provisioned.provision(**ANSWERS, provision_pin="db1")
    assert (named.status, named.changed()) == (0, {"db1": 1}), named.output
    assert provisioned.pinned() == provisioned.own()


@pytest.mark.slow
def test_why_it_was_not_launched_is_said_though_its_user_data_are_hidden(provisioned: World) -> None:
    DRILLS.fail["RunInstances"] = "VcpuLimitExceeded"
    done = provisioned.provision("-vvv", **ANSWERS)
    assert done.status != 0
    assert "EC2 did not launch db1" in done.sentence()
    assert "VcpuLimitExceeded" in done.sentence()
    assert "PRIVATE KEY" not in done.output


@pytest.mark.slow
def test_without_a_file_it_is_told_no_key(provisioned: World) -> None:
    provisioned.body.boots = False
    done = provisioned.provision(**ANSWERS, provision_known_hosts_file="")
    assert done.status == 0, done.output
    assert "ssh_keys" not in provisioned.body.user_data[0]
    assert provisioned.pinned() == f"{OLD}{OTHERS}"
    named = provisioned.provision(**ANSWERS, provision_pin="db1")
    assert named.status != 0
    assert "its user data have no host key for a first login" in named.sentence()
