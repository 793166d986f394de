"""Programs inside a guest of Proxmox VE: whose answers a busy agent delays, and whose end is told once."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import pytest
from tests.support.proxmox import ProxmoxServer, add_machine, empty_cluster
from tests.support.proxmox.state import Program, Token

from drillbook.clock import SystemClock
from drillbook.errors import DrillbookError, InfrastructureError
from drillbook.model import GuestAnswer, Machine, Power
from drillbook.providers.proxmox.api import ProxmoxApi, ProxmoxEndpoint
from drillbook.providers.proxmox.inside import ProxmoxInside, is_empty

if TYPE_CHECKING:
    from collections.abc import Iterator

MACHINE = Machine("shop-db", "qemu/100", "pve1", Power.RUNNING)
BUSY = "QEMU guest agent is not running"
LIMIT = timedelta(seconds=20)


@pytest.fixture
def server() -> Iterator[ProxmoxServer]:
    state = empty_cluster()
    guest = add_machine(state, 100, "pve1", name="shop-db")
    guest.status = "running"
    guest.programs["/bin/sh"] = Program(exitcode=3, out="said")
    state.users["root@pam"].tokens["t"] = Token("secret", privsep=False)
    with ProxmoxServer(state) as running:
        yield running


@pytest.fixture
def guests(server: ProxmoxServer, tmp_path: Path) -> ProxmoxInside:
    token = tmp_path / "token.json"
    token.write_text(json.dumps({"id": "root@pam!t", "secret": "secret"}))
    token.chmod(0o600)
    endpoint = ProxmoxEndpoint("127.0.0.1", server.port, Path(server.ca), token)
    return ProxmoxInside(ProxmoxApi(endpoint), SystemClock())


@pytest.mark.parametrize(("status", "reason"), [(500, BUSY), (596, "Connection timed out")])
def test_a_busy_agent_is_asked_again(server: ProxmoxServer, guests: ProxmoxInside, status: int, reason: str) -> None:
    server.control.answer_with(status, reason, "GET", "/agent/exec-status", count=2)
    assert guests.run(MACHINE, "true", LIMIT) == GuestAnswer(3, "said")
    assert len(server.control.served("GET", "exec-status")) == 3
    assert len(server.control.served("POST", "/agent/exec")) == 1, "a program is never started twice"


def test_an_agent_that_stays_away_is_told_at_the_deadline(server: ProxmoxServer, guests: ProxmoxInside) -> None:
    server.control.answer_with(500, BUSY, "GET", "/agent/exec-status", count=1000)
    began = monotonic()
    with pytest.raises(InfrastructureError, match=BUSY):
        guests.run(MACHINE, "true", timedelta(seconds=2))
    assert 2 <= monotonic() - began < 10


def test_a_program_that_the_agent_does_not_know_any_more_is_an_error_at_once(
    server: ProxmoxServer, guests: ProxmoxInside
) -> None:
    said = "Agent error: PID 901 does not exist"
    server.control.answer_with(500, said, "GET", "/agent/exec-status", count=1000)
    with pytest.raises(InfrastructureError, match=said):
        guests.run(MACHINE, "true", LIMIT)
    assert len(server.control.served("GET", "exec-status")) == 1


def test_what_the_token_may_not_ask_is_an_error_at_once(server: ProxmoxServer, guests: ProxmoxInside) -> None:
    server.control.answer_with(403, "Permission check failed", "GET", "/agent/exec-status", count=1000)
    with pytest.raises(DrillbookError, match="may not do that"):
        guests.run(MACHINE, "true", LIMIT)
    assert len(server.control.served("GET", "exec-status")) == 1


def test_a_long_program_is_asked_after_more_and_more_seldom(server: ProxmoxServer, guests: ProxmoxInside) -> None:
    server.state.guests[100].programs["/bin/sh"] = Program(hangs=True)
    with pytest.raises(InfrastructureError, match="did not end within 8 s"):
        guests.run(MACHINE, "sleep 4321", timedelta(seconds=8))
    assert 3 <= len(server.control.served("GET", "exec-status")) <= 8


@pytest.mark.parametrize(
    ("config", "empty"),
    [
        ({"digest": "0"}, True),
        ({"digest": "0", "memory": "128"}, True),
        ({"digest": "0", "memory": 128, "lock": "create"}, True),
        ({"digest": "0", "memory": "2048"}, False),
        ({"digest": "0", "memory": "128", "name": "kept"}, False),
        ({"digest": "0", "memory": "128", "scsi0": "scratch:vm-100-disk-0"}, False),
    ],
)
def test_only_what_a_restore_leaves_is_empty(config: dict[str, object], *, empty: bool) -> None:
    assert is_empty(config) is empty
