"""Sandbox hosts of the lab: made like their template, one of a name at a time, and removed by their claim alone."""

from __future__ import annotations

import secrets
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.contract.providers.lab import OPTIONS, LabWorld

from drillbook.clock import SystemClock
from drillbook.errors import ConfigurationError, InfrastructureError, RefusedError
from drillbook.model import Claim, Login, SandboxHost
from drillbook.providers import Sandboxes, open_restores, open_sandboxes
from drillbook.providers.lab.place import LabDrillRange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.lab
LIMIT = timedelta(seconds=60)
HOST = SandboxHost("sandbox1", "lab")
RUN, OTHER_RUN = "20261128T203551Z-main-latest-ab12", "20261128T203551Z-main-latest-cd34"
KEY = "/etc/ssh/ssh_host_ed25519_key"


@pytest.fixture
def world(containers_conf: Path) -> Iterator[LabWorld]:
    """The shop's networks, and no container."""
    made = LabWorld(containers_conf)
    try:
        made.build(())
        yield made
    finally:
        made.remove()


@pytest.fixture
def sandboxes(world: LabWorld) -> Sandboxes:
    return sandboxes_on(world, world.drill)


def sandboxes_on(world: LabWorld, network: str) -> Sandboxes:
    drill = LabDrillRange(network=network, data_path="/var/lib/data")
    return open_sandboxes(world.place.model_copy(update={"drill": drill}), SystemClock())


@pytest.fixture
def reachable(world: LabWorld) -> Iterator[str]:
    """A network that this machine has an address on, as the lab's have."""
    octet = secrets.randbelow(250) + 1
    name = f"{world.prefix}-reachable"
    subnet = (f"--subnet=10.98.{octet}.0/24", f"--gateway=10.98.{octet}.1")
    world.podman("network", "create", "--internal", "--disable-dns", *subnet, name)
    yield name
    for container in world.names():
        world.podman("rm", "--force", "--time", "0", container)
    world.podman("network", "rm", name)


def template(world: LabWorld, network: str, *options: str) -> str:
    """A template of sandbox1, as the lab's role makes one."""
    name = f"{world.prefix}-sandbox1.template"
    labels = (
        "--label",
        f"drillbook.lab={world.prefix}",
        "--label",
        "drillbook.host=sandbox1",
        "--label",
        "drillbook.settings=1",
    )
    world.podman(
        "create", "--name", name, "--hostname", "sandbox1", *OPTIONS, f"--network={network}", *labels, *options,
        world.image, *world.command,
    )  # fmt: skip
    return name


def test_one_is_made_like_its_template_reached_and_removed(world: LabWorld, reachable: str, tmp_path: Path) -> None:
    sandboxes = sandboxes_on(world, reachable)
    subprocess.run(["/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    keys = (f"--volume={tmp_path}/key:{KEY}:ro", f"--volume={tmp_path}/key.pub:{KEY}.pub:ro")
    like = template(world, reachable, *keys, "--add-host=store1:10.0.0.9")
    claim = sandboxes.claim("sandbox1", RUN, ())
    machine = sandboxes.make(claim, HOST, LIMIT)
    assert (machine.host, machine.identifier) == ("sandbox1", claim.identifier)
    reached = sandboxes.reach(machine, LIMIT)
    made = world.inspect(claim.identifier)
    address = made["NetworkSettings"]["Networks"][reachable]["IPAddress"]
    key = " ".join((tmp_path / "key.pub").read_text().split()[:2])
    assert reached == Login({"ansible_host": address}, key)
    own = {"drillbook.lab": world.prefix, "drillbook.host": "sandbox1", "drillbook.run": RUN, "drillbook.drill": "true"}
    assert made["Config"]["Labels"] == {**own, "drillbook.image": "base"}
    assert {mount["Destination"] for mount in made["Mounts"]} == {KEY, f"{KEY}.pub"}
    assert "10.0.0.9" in world.podman("exec", claim.identifier, "cat", "/etc/hosts")
    with pytest.raises(ConfigurationError, match="no container"):
        world.snapshots.find(("sandbox1",))
    open_restores(world.place, SystemClock()).destroy(claim, LIMIT)
    assert world.states() == {like: "created"}


def test_one_of_a_name_at_a_time(world: LabWorld, sandboxes: Sandboxes) -> None:
    like = template(world, world.drill)
    claim, other = sandboxes.claim("sandbox1", RUN, ()), sandboxes.claim("sandbox1", OTHER_RUN, ())
    sandboxes.make(claim, HOST, LIMIT)
    with pytest.raises(InfrastructureError, match=f"held by run {RUN}"):
        sandboxes.make(other, HOST, LIMIT)
    sandboxes.destroy(other, LIMIT)
    assert world.names() == {like, claim.identifier}
    for wrong in (Claim("lab", "sandbox1", like, RUN), Claim("lab", "sandbox1", claim.identifier, OTHER_RUN)):
        with pytest.raises(RefusedError):
            sandboxes.destroy(wrong, LIMIT)
    assert world.names() == {like, claim.identifier}


def test_a_disk_of_its_own_has_the_size_that_was_asked_for(world: LabWorld, sandboxes: Sandboxes) -> None:
    template(world, world.drill)
    nowhere = open_sandboxes(world.place, SystemClock())
    with pytest.raises(ConfigurationError, match="nothing says where"):
        nowhere.make(nowhere.claim("sandbox1", RUN, ()), SandboxHost("sandbox1", "lab", 1), LIMIT)
    size = 64 * 1024**2
    machine = sandboxes.make(sandboxes.claim("sandbox1", RUN, ()), SandboxHost("sandbox1", "lab", size), LIMIT)
    ask = ("df", "--output=size", "--block-size=1", "/var/lib/data")
    assert world.podman("exec", machine.identifier, *ask).split()[-1] == str(size)
    assert world.podman("exec", machine.identifier, "stat", "--format=%a", "/var/lib/data").strip() == "1777"


def test_one_that_does_not_answer_is_said_and_still_removed(world: LabWorld, sandboxes: Sandboxes) -> None:
    """It has no host key, so that its ssh server does not start."""
    like = template(world, world.drill)
    claim = sandboxes.claim("sandbox1", RUN, ())
    machine = sandboxes.make(claim, HOST, LIMIT)
    with pytest.raises(InfrastructureError, match="ssh server did not answer"):
        sandboxes.reach(machine, timedelta(seconds=1))
    world.podman("stop", "--time", "0", machine.identifier)
    with pytest.raises(InfrastructureError, match="has no address"):
        sandboxes.reach(machine, LIMIT)
    sandboxes.destroy(claim, LIMIT)
    assert world.names() == {like}


def test_without_a_template_nothing_is_made(world: LabWorld, sandboxes: Sandboxes) -> None:
    with pytest.raises(ConfigurationError, match=r"no template .*-sandbox1\.template"):
        sandboxes.make(sandboxes.claim("sandbox1", RUN, ()), HOST, LIMIT)
    assert world.names() == set()
