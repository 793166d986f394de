"""Sandbox hosts of Proxmox VE: cloned, cut off before they are started, known by their own key, and removed by their claim alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from tests.contract.providers.proxmox_sandboxes import (
    DISK,
    HOST,
    HOST_KEY,
    KEY,
    LIMIT,
    OTHER_RUN,
    RUN,
    SandboxWorld,
    sandbox_world,
)
from tests.support.proxmox import add_machine

from drillbook.clock import SystemClock
from drillbook.errors import ConfigurationError, InfrastructureError, RefusedError, TakenError
from drillbook.model import Claim, Power, SandboxHost
from drillbook.providers import open_restores, open_sandboxes
from drillbook.providers.proxmox.drill_machines import mark_of, run_tag
from drillbook.providers.proxmox.sandboxes import ProxmoxSandboxes

__all__ = ["sandbox_world"]


@pytest.fixture
def world(sandbox_world: SandboxWorld) -> SandboxWorld:
    return sandbox_world


def test_one_is_cloned_cut_off_reached_and_removed(world: SandboxWorld) -> None:
    world.boots()
    claim = world.sandboxes.claim("sandbox1", RUN, ())
    machine = world.sandboxes.make(claim, HOST, LIMIT)
    assert (machine.identifier, machine.place, machine.power) == ("qemu/9000", "pve3", Power.RUNNING)
    config = world.config(9000)
    assert (config["name"], config["tags"], config["onboot"], config["ciupgrade"]) == (
        "drill-sandbox1",
        run_tag(RUN),
        0,
        0,
    )
    assert config["net0"].endswith("bridge=vmbr9")
    assert config["ipconfig0"] == "ip=198.51.100.41/24,gw=198.51.100.1"
    assert (config["ciuser"], unquote(config["sshkeys"])) == ("debian", KEY)
    assert config["scsi0"].startswith("scratch:vm-9000-disk-0")
    assert 9000 in world.server.state.pools["drill"].vms
    reached = world.sandboxes.reach(machine, LIMIT)
    assert (reached.variables, reached.host_key) == ({"ansible_user": "debian"}, " ".join(HOST_KEY.split()[:2]))
    world.sandboxes.destroy(claim, LIMIT)
    assert 9000 not in world.server.state.guests
    assert not [volid for volid in world.control.state()["volumes"] if "vm-9000-" in volid]


@pytest.mark.parametrize(("wanted", "size"), [(50 * (1 << 30) + 1, "51G"), (8 * (1 << 30), "8G"), (1, "8G")])
def test_its_disk_is_as_large_as_is_wanted_at_least(world: SandboxWorld, wanted: int, size: str) -> None:
    host = SandboxHost("sandbox1", "cluster", wanted, "198.51.100.41")
    world.sandboxes.make(world.sandboxes.claim("sandbox1", RUN, ()), host, LIMIT)
    assert world.config(9000)["scsi0"] == f"scratch:vm-9000-disk-0,size={size}"


def test_which_disk_is_to_grow_must_be_said(world: SandboxWorld) -> None:
    world.config(900)["boot"] = "order=ide2;net0"
    host = SandboxHost("sandbox1", "cluster", 50 * (1 << 30), "198.51.100.41")
    with pytest.raises(ConfigurationError, match="nothing says which disk it starts from"):
        world.sandboxes.make(world.sandboxes.claim("sandbox1", RUN, ()), host, LIMIT)


@pytest.mark.parametrize(
    ("line", "why"),
    [({"hookscript": "local:snippets/x.sh"}, "hookscript"), ({"serial0": "/dev/ttyS0"}, "serial0: /dev/ttyS0")],
)
def test_what_leads_around_the_network_is_refused_before_the_start(
    world: SandboxWorld, line: dict[str, str], why: str
) -> None:
    world.config(900).update(line)
    with pytest.raises(RefusedError, match=f"it would not be isolated: {why}"):
        world.sandboxes.make(world.sandboxes.claim("sandbox1", RUN, ()), HOST, LIMIT)
    assert world.server.state.guests[9000].status == "stopped"


def test_other_cards_of_the_template_go(world: SandboxWorld) -> None:
    world.config(900)["net1"] = "virtio=BC:24:11:00:09:01,bridge=vmbr9"
    world.sandboxes.make(world.sandboxes.claim("sandbox1", RUN, ()), HOST, LIMIT)
    assert [key for key in world.config(9000) if key.startswith("net")] == ["net0"]


def test_a_template_on_production_s_bridge_can_t_be_cloned_by_the_drill(world: SandboxWorld) -> None:
    world.config(900)["net0"] = "virtio=BC:24:11:00:09:00,bridge=vmbr0"
    with pytest.raises(ConfigurationError, match=r"SDN\.Use"):
        world.sandboxes.make(world.sandboxes.claim("sandbox1", RUN, ()), HOST, LIMIT)
    assert 9000 not in world.server.state.guests


def test_what_cloud_init_could_not_do_is_said(world: SandboxWorld) -> None:
    world.boots("('users', TypeError())")
    machine = world.sandboxes.make(world.sandboxes.claim("sandbox1", RUN, ()), HOST, LIMIT)
    with pytest.raises(InfrastructureError, match=r"cloud-init failed: \('users'"):
        world.sandboxes.reach(machine, LIMIT)


def test_what_is_no_host_key_is_refused(world: SandboxWorld) -> None:
    world.boots()
    world.control.write(DISK, "/etc/ssh/ssh_host_ed25519_key.pub", b"* ssh-ed25519 AAAA\n", "pve1")
    machine = world.sandboxes.make(world.sandboxes.claim("sandbox1", RUN, ()), HOST, LIMIT)
    with pytest.raises(RefusedError, match="not one Ed25519 public key") as refused:
        world.sandboxes.reach(machine, LIMIT)
    assert refused.value.where == "sandbox1 (qemu/9000), /etc/ssh/ssh_host_ed25519_key.pub"


def test_one_whose_agent_is_silent_is_said(world: SandboxWorld) -> None:
    world.boots()
    machine = world.sandboxes.make(world.sandboxes.claim("sandbox1", RUN, ()), HOST, LIMIT)
    world.control.faults(silent_agents=[9000])
    with pytest.raises(InfrastructureError, match="cloud-init was not done within 1 s"):
        world.sandboxes.reach(machine, timedelta(seconds=1))


def test_a_token_that_may_not_read_inside_is_said_at_once(world: SandboxWorld) -> None:
    machine = world.sandboxes.make(world.sandboxes.claim("sandbox1", RUN, ()), HOST, LIMIT)
    world.server.state.roles["DrillbookSandbox"].remove("VM.GuestAgent.FileRead")
    with pytest.raises(ConfigurationError, match=r"may not do that.*VM\.GuestAgent"):
        world.sandboxes.reach(machine, timedelta(seconds=2))


def test_a_number_that_somebody_took_meanwhile_is_taken(world: SandboxWorld) -> None:
    claim = world.sandboxes.claim("sandbox1", RUN, ())
    add_machine(world.server.state, 9000, "pve2", "ceph", name="another-s")
    with pytest.raises(TakenError, match="config file already exists"):
        world.sandboxes.make(claim, HOST, LIMIT)
    with pytest.raises(RefusedError, match="is not in the pool drill"):
        world.sandboxes.destroy(claim, LIMIT)
    assert world.config(9000)["name"] == "another-s"


def test_one_of_a_name_at_a_time(world: SandboxWorld) -> None:
    """Another controller's run has it: there is one address."""
    world.sandboxes.make(world.sandboxes.claim("sandbox1", RUN, ()), HOST, LIMIT)
    other = world.sandboxes.claim("sandbox1", OTHER_RUN, ())
    with pytest.raises(InfrastructureError, match=f"the sandbox sandbox1 is held by run {RUN}"):
        world.sandboxes.make(other, HOST, LIMIT)
    assert 9001 not in world.server.state.guests
    second = SandboxHost("sandbox2", "cluster", address="198.51.100.42")
    machine = world.sandboxes.make(world.sandboxes.claim("sandbox2", OTHER_RUN, ()), second, LIMIT)
    assert machine.identifier == "qemu/9001"


@pytest.mark.parametrize("node", ["pve3", "pve2"])
def test_one_that_was_cloned_at_the_same_time_is_seen_before_the_start(
    world: SandboxWorld, monkeypatch: pytest.MonkeyPatch, node: str
) -> None:
    """On whatever node of the cluster."""
    claim = world.sandboxes.claim("sandbox1", RUN, ())
    configure = ProxmoxSandboxes._configure

    def with_another(self: ProxmoxSandboxes, *words: Any) -> None:
        monkeypatch.undo()
        configure(self, *words)
        add_machine(world.server.state, 9001, node, "scratch", name="drill-sandbox1", tags=run_tag(OTHER_RUN))
        world.config(9001)["description"] = mark_of(OTHER_RUN)
        world.server.state.pools["drill"].vms.append(9001)

    monkeypatch.setattr(ProxmoxSandboxes, "_configure", with_another)
    with pytest.raises(InfrastructureError, match=f"held by run {OTHER_RUN}"):
        world.sandboxes.make(claim, HOST, LIMIT)
    assert world.server.state.guests[9000].status == "stopped"


def test_a_guest_that_goes_while_others_are_looked_at_is_none(
    world: SandboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = iter([{9002: "pve3"}, {}, {}])
    monkeypatch.setattr(ProxmoxSandboxes, "_members", lambda _self: next(members))
    machine = world.sandboxes.make(world.sandboxes.claim("sandbox1", RUN, ()), HOST, LIMIT)
    assert (machine.power, next(members, None)) == (Power.RUNNING, None), "each look was taken"


def test_a_guest_that_can_t_be_looked_at_is_an_error(world: SandboxWorld) -> None:
    world.sandboxes.make(world.sandboxes.claim("sandbox1", RUN, ()), HOST, LIMIT)
    world.control.answer_with(500, "got timeout", "GET", "/qemu/9000/config", count=100)
    with pytest.raises(InfrastructureError, match="got timeout"):
        world.sandboxes.make(world.sandboxes.claim("sandbox1", OTHER_RUN, ()), HOST, LIMIT)


def test_a_clone_that_was_not_configured_yet_is_its_run_s(world: SandboxWorld) -> None:
    """Its name and description are the mark until it has the tag, for it has the template's tags."""
    claim = world.sandboxes.claim("sandbox1", RUN, ())
    world.control.faults(fail={"qmconfig": ["got timeout"]})
    with pytest.raises(InfrastructureError, match="got timeout"):
        world.sandboxes.make(claim, HOST, LIMIT)
    assert world.config(9000)["tags"] == "production"
    with pytest.raises(RefusedError, match="does not carry the tag"):
        world.sandboxes.destroy(Claim("cluster", "sandbox1", "qemu/9000", OTHER_RUN), LIMIT)
    world.sandboxes.destroy(claim, LIMIT)
    assert 9000 not in world.server.state.guests


def test_a_clone_under_way_is_waited_for_and_removed(world: SandboxWorld) -> None:
    """The run that asked for it was killed: its task is the template's, and goes on."""
    claim = world.sandboxes.claim("sandbox1", RUN, ())
    world.control.faults(slow={"qmclone": 1.5})
    with pytest.raises(InfrastructureError, match="was not done after"):
        world.sandboxes.make(claim, HOST, timedelta(seconds=0.3))
    assert world.config(9000) == {"lock": "clone"}
    world.sandboxes.destroy(claim, LIMIT)
    assert 9000 not in world.server.state.guests


def test_without_a_template_or_an_address_nothing_is_made(world: SandboxWorld) -> None:
    claim = world.sandboxes.claim("sandbox1", RUN, ())
    with pytest.raises(ConfigurationError, match="says no address of sandbox1"):
        world.sandboxes.make(claim, SandboxHost("sandbox1", "cluster"), LIMIT)
    assert world.place.drill is not None
    without = world.place.model_copy(update={"drill": world.place.drill.model_copy(update={"sandboxes": None})})
    with pytest.raises(ConfigurationError, match="no template for sandbox hosts"):
        open_sandboxes(without, SystemClock())
    (world.place.tokens_directory / "controller.pub").write_text("what begins a PRIVATE one\n")
    with pytest.raises(ConfigurationError, match="does not hold one public key"):
        world.sandboxes.make(claim, HOST, LIMIT)
    (world.place.tokens_directory / "controller.pub").unlink()
    with pytest.raises(ConfigurationError, match="public key can't be read"):
        world.sandboxes.make(claim, HOST, LIMIT)
    assert 9000 not in world.server.state.guests


def test_without_a_storage_of_backups_whole_machines_are_not_drilled(world: SandboxWorld) -> None:
    with pytest.raises(ConfigurationError, match="nothing says where a drill reads the machines' backups"):
        open_restores(world.place, SystemClock())
