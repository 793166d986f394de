"""The host key of a machine that was just started, as its guest agent tells it: waited for, and nothing else taken for it."""

from __future__ import annotations

import json
from datetime import timedelta
from threading import Timer
from typing import TYPE_CHECKING

import pytest
from tests.contract.providers.proxmox_sandboxes import SECRET, TOKEN, USER
from tests.support.proxmox import ProxmoxServer, add_machine, empty_cluster
from tests.support.proxmox.state import Grant, Token, User

from drillbook.clock import SystemClock
from drillbook.errors import ConfigurationError, InfrastructureError, RefusedError
from drillbook.providers.proxmox.api import api_of
from drillbook.providers.proxmox.host_key import await_told_host_key
from drillbook.ssh_key import SshKey

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = SshKey.generate()
STATUS = "/run/cloud-init/status.json"
OWN_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"
BOOTS = {"errors": [], "finished": None}
BOOTED = {"errors": [], "finished": 12.5}
SHORT = timedelta(seconds=0.2)


class World:
    """One machine that runs, and a token that may read files in it."""

    def __init__(self, server: ProxmoxServer) -> None:
        self.server = server
        self.access = {
            "api_host": "127.0.0.1",
            "api_port": server.port,
            "api_user": USER,
            "api_token_id": TOKEN,
            "api_token_secret": SECRET,
            "ca_file": server.ca,
        }

    def write(self, path: str, text: str) -> None:
        self.server.control.write("ceph:vm-101-disk-0", path, text.encode(), "pve1")

    def says(self, init: object, key: str) -> None:
        self.write(STATUS, json.dumps({"v1": {"init": init}}))
        self.write(OWN_KEY, key)

    def read(self, limit: timedelta = SHORT) -> str:
        return await_told_host_key(api_of(self.access), SystemClock(), "db1", "pve1", 101, limit)


@pytest.fixture
def world() -> Iterator[World]:
    """And in the end: every request was one that the official schema knows."""
    state = empty_cluster(1)
    add_machine(state, 101, "pve1", "ceph", name="db1", agent="enabled=1").status = "running"
    state.users[USER] = User(tokens={TOKEN: Token(SECRET)})
    state.roles["Reader"] = ["VM.GuestAgent.FileRead", "VM.Audit"]
    state.grants += [
        Grant("/vms/101", kind, who, "Reader") for kind, who in (("user", USER), ("token", f"{USER}!{TOKEN}"))
    ]
    with ProxmoxServer(state) as server:
        yield World(server)
        assert server.control.invalid() == []


def test_it_is_read_without_its_comment(world: World) -> None:
    world.says(BOOTED, f"{KEY.public} root@db1\n")
    assert world.read() == KEY.public


def test_a_template_s_own_key_is_not_taken_for_it(world: World) -> None:
    """cloud-init replaces that one; until then each clone has the same."""
    world.says(BOOTS, f"{SshKey.generate().public} root@template\n")
    later = Timer(0.5, world.says, (BOOTED, f"{KEY.public} root@db1\n"))
    later.start()
    assert world.read(timedelta(seconds=20)) == KEY.public
    later.join()


def test_an_agent_that_answers_later_is_waited_for(world: World) -> None:
    world.says(BOOTED, KEY.public)
    world.server.control.faults(silent_agents=[101])
    later = Timer(0.5, world.server.control.repair)
    later.start()
    assert world.read(timedelta(seconds=20)) == KEY.public
    later.join()


@pytest.mark.parametrize(
    ("init", "message"),
    [
        (BOOTS, r"cloud-init has not made its host keys \(waited 0 s\)"),
        ({"errors": ["('ssh', KeyError)"], "finished": 12.5}, "cloud-init failed: .*ssh"),
    ],
)
def test_no_key_in_time_is_said_with_the_reason(world: World, init: object, message: str) -> None:
    world.says(init, KEY.public)
    with pytest.raises(InfrastructureError, match=message) as raised:
        world.read()
    assert raised.value.where == "db1 (qemu/101)"
    assert "-e provision_pin=db1" in raised.value.remedy


def test_an_agent_that_never_answers_ends_after_the_limit(world: World) -> None:
    world.says(BOOTED, KEY.public)
    world.server.control.faults(silent_agents=[101])
    with pytest.raises(InfrastructureError, match="its guest agent does not answer: QEMU guest agent is not running"):
        world.read()


@pytest.mark.parametrize(
    "answer", ["", "\0\1garbage", "{public}\n{public}\n", "{private}", "ssh-ed25519 AAAA root@db1\n"]
)
def test_what_is_no_host_key_is_refused_by_name(world: World, answer: str) -> None:
    world.says(BOOTED, answer.format(public=KEY.public, private=KEY.private))
    with pytest.raises(RefusedError, match="not one Ed25519 public key") as raised:
        world.read()
    assert raised.value.where == f"db1 (qemu/101), {OWN_KEY}"
    assert KEY.private.splitlines()[1] not in str(raised.value)


def test_a_token_that_may_not_is_told_at_once(world: World) -> None:
    world.says(BOOTED, KEY.public)
    world.server.state.roles["Reader"].remove("VM.GuestAgent.FileRead")
    with pytest.raises(ConfigurationError, match="the token may not do that"):
        world.read(timedelta(seconds=60))
