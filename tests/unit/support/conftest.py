"""A small cluster with clients: root by ticket, and API tokens with the privileges that a test gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.proxmox import ROOT_PASSWORD, ProxmoxServer, State, add_container, add_machine, empty_cluster
from tests.support.proxmox.api_client import Client
from tests.support.proxmox.state import Grant, Token, User, Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def small_state() -> State:
    """Three nodes; machine 100 and container 200 on files of the first, 101 on ZFS, 102 on thick LVM, 103 on the second node."""
    state = empty_cluster(3)
    add_machine(state, 100, "pve1", "local", tags="drill")
    add_machine(state, 101, "pve1", "zfs")
    add_machine(state, 102, "pve1", "thick")
    add_machine(state, 103, "pve2", "ceph")
    add_container(state, 200, "pve1", "zfs")
    add_container(state, 201, "pve1", "local")
    template = "local:vztmpl/debian-13-standard_13.1-1_amd64.tar.zst"
    state.volumes[f"pve1|{template}"] = Volume(template, "pve1", "local", "vztmpl", "tzst", 120_000_000)
    state.users["drill@pve"] = User(password="drill")
    return state


@pytest.fixture
def server() -> Iterator[ProxmoxServer]:
    """A server with the small cluster."""
    with ProxmoxServer(small_state()) as running:
        yield running


@pytest.fixture
def root(server: ProxmoxServer) -> Client:
    """Root, logged in by ticket."""
    login = Client(server, {}).data("POST", "/access/ticket", username="root@pam", password=ROOT_PASSWORD)
    return Client(
        server, {"Cookie": f"PVEAuthCookie={login['ticket']}", "CSRFPreventionToken": login["CSRFPreventionToken"]}
    )


@pytest.fixture
def lasting(server: ProxmoxServer) -> Client:
    """Root by a token, which outlives a ticket where the clock is turned."""
    server.state.users["root@pam"].tokens["lasting"] = Token(secret="lasting", privsep=False)
    return Client(server, {"Authorization": "PVEAPIToken=root@pam!lasting=lasting"})


@pytest.fixture
def granted(server: ProxmoxServer) -> Callable[..., Client]:
    """Make a client whose token has just these privileges: `granted({"/vms/100": "VM.Audit"})`."""

    def grant(privileges: dict[str, str], *, privsep: bool = True) -> Client:
        state = server.state
        user = state.users["drill@pve"]
        name = f"t{len(user.tokens)}"
        user.tokens[name] = Token(secret=f"secret-{name}", privsep=privsep)
        for number, (path, names) in enumerate(privileges.items()):
            role = f"{name}-{number}"
            state.roles[role] = names.split()
            subjects = [("user", "drill@pve"), ("token", f"drill@pve!{name}")]
            state.grants += [Grant(path, kind, subject, role) for kind, subject in subjects]
        return Client(server, {"Authorization": f"PVEAPIToken=drill@pve!{name}=secret-{name}"})

    return grant
