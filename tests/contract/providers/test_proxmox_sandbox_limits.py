"""The token that makes sandbox hosts: what the how-to gives is enough, each part of it is needed, and more than that is refused."""

from __future__ import annotations

import pytest
from tests.contract.machine_drills.world import TOKEN, USER, documented_roles
from tests.contract.providers.proxmox_sandboxes import HOW_TO, LIMIT, RUN, SandboxWorld, sandbox_world
from tests.support.proxmox.state import Grant

from drillbook.errors import DrillbookError, RefusedError
from drillbook.machines.drill.limits import limits_of
from drillbook.model import SandboxHost

__all__ = ["sandbox_world"]
DISK = SandboxHost("sandbox1", "cluster", 50 << 30, "198.51.100.41")
NEEDED = [(role, privilege) for role, privileges in documented_roles(HOW_TO).items() for privilege in privileges]
BEYOND = (
    ("/vms/900", "VM.Config.Options"),
    ("/vms/100", "VM.Allocate"),
    ("/pool/shop", "VM.PowerMgmt"),
    ("/storage/backups", "Datastore.Allocate"),
    ("/sdn/zones/localnetwork/vmbr0", "SDN.Use"),
)


@pytest.fixture
def world(sandbox_world: SandboxWorld) -> SandboxWorld:
    sandbox_world.boots()
    return sandbox_world


def too_much(world: SandboxWorld, path: str, privilege: str) -> None:
    """Give the token one more right."""
    world.server.state.roles["TooMuch"] = [privilege]
    world.server.state.grants += [
        Grant(path, kind, subject, "TooMuch") for kind, subject in (("user", USER), ("token", f"{USER}!{TOKEN}"))
    ]


def a_whole_life(world: SandboxWorld) -> None:
    """One is made, reached and removed."""
    claim = world.sandboxes.claim("sandbox1", RUN, ())
    machine = world.sandboxes.make(claim, DISK, LIMIT)
    world.sandboxes.reach(machine, LIMIT)
    world.sandboxes.destroy(claim, LIMIT)


def test_what_the_how_to_gives_is_enough_and_within_limits(world: SandboxWorld) -> None:
    world.control.forget_served()
    (check,) = limits_of(world.sandboxes, "cluster", ("sandbox1",))
    assert check.name == "the drill's credential at cluster is limited to its range"
    assert [one for one in world.control.served() if one["method"] != "GET" and one["status"] == 200] == []
    a_whole_life(world)


@pytest.mark.parametrize(("role", "privilege"), NEEDED)
def test_each_documented_privilege_is_needed(world: SandboxWorld, role: str, privilege: str) -> None:
    world.server.state.roles[role].remove(privilege)
    # pve-manager 9.0.11 shows a pool's members to everybody; a version that keeps to its schema does not.
    world.control.faults(pools_audited=privilege == "Pool.Audit")
    with pytest.raises(DrillbookError):
        a_whole_life(world)


@pytest.mark.parametrize(("path", "privilege"), BEYOND)
def test_a_token_that_can_do_more_is_refused(world: SandboxWorld, path: str, privilege: str) -> None:
    too_much(world, path, privilege)
    with pytest.raises(RefusedError, match=rf"too strong: it has {privilege} on {path}"):
        limits_of(world.sandboxes, "cluster", ("sandbox1",))


@pytest.mark.parametrize(
    ("privilege", "said"),
    [("VM.Config.Options", "it may change it"), ("VM.Snapshot", "it may take snapshots of it")],
)
def test_what_proxmox_does_not_state_is_found_by_trying(
    world: SandboxWorld, monkeypatch: pytest.MonkeyPatch, privilege: str, said: str
) -> None:
    monkeypatch.setattr("drillbook.providers.proxmox.limits._stated", lambda _api, _drill: None)
    too_much(world, "/vms/900", privilege)
    before = dict(world.config(900))
    with pytest.raises(RefusedError, match=said):
        limits_of(world.sandboxes, "cluster", ("sandbox1",))
    assert world.config(900) == before
