"""What a client and an operator notice of HAProxy."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from testinfra.host import Host

SOCKETS = {"deb12": "/run/haproxy/molecule.sock", "deb13": "/run/haproxy/admin.sock"}


def test_it_runs_and_starts_at_boot(host: Host) -> None:
    service = host.service("haproxy.service")
    assert service.is_running
    assert service.is_enabled


def test_a_client_outside_reaches_the_open_port(address: str, answers: Callable[..., bool]) -> None:
    assert answers(address, 5000, seconds=10)


@pytest.mark.parametrize(("name", "listens"), [("deb12", True), ("deb13", False)])
def test_it_listens_on_the_declared_ports_only(address: str, listens: bool, answers: Callable[..., bool]) -> None:
    assert answers(address, 5001) is listens


def test_a_server_without_an_answer_is_down(name: str, host: Host) -> None:
    deadline = time.monotonic() + 20
    question = (
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect({path!r}); s.sendall(b'show stat\\n');"
        " print(b''.join(iter(lambda: s.recv(65536), b'')).decode())"
    )
    while True:
        lines = host.check_output("python3 -c %s", question.format(path=SOCKETS[name])).splitlines()
        states = {line.split(",")[1]: line.split(",")[17] for line in lines if line.startswith("read_write,")}
        if states["nobody"] == "DOWN":
            break
        assert time.monotonic() < deadline, states
        time.sleep(0.5)


@pytest.mark.parametrize(("name", "connections"), [("deb12", 100), ("deb13", 2000)])
def test_variables_reach_the_configuration(host: Host, connections: int) -> None:
    assert host.file("/etc/haproxy/haproxy.cfg").contains(f"maxconn {connections}$")
