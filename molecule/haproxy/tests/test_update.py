"""A newer HAProxy takes over the sockets of the former one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from testinfra.host import Host
from tests.support.older_packages import installed, make_older

RUNS = "readlink /proc/$(systemctl show --property=MainPID --value haproxy.service)/exe"


@contextmanager
def clients(address: str, port: int) -> Iterator[list[str]]:
    """Come again and again; yields what was told to those who were not let in."""
    refused: list[str] = []
    done = threading.Event()

    def come() -> None:
        while not done.wait(0.01):
            try:
                socket.create_connection((address, port), timeout=5).close()
            except OSError as error:
                refused.append(str(error))

    thread = threading.Thread(target=come, daemon=True)
    thread.start()
    try:
        yield refused
    finally:
        done.set()
        thread.join(10)


@pytest.mark.parametrize("name", ["deb13"])
def test_no_client_is_refused_by_an_update(name: str, host: Host, address: str, playbook: Callable[..., Any]) -> None:
    newest = make_older(host, "haproxy")
    with clients(address, 5000) as refused:
        updated = playbook("entry", molecule_host=name, molecule_entry="update")
    assert updated.status == 0, updated.output
    assert installed(host, "haproxy") == newest
    assert host.check_output(RUNS) == "/usr/sbin/haproxy"
    assert refused == []
    again = playbook("entry", molecule_host=name, molecule_entry="update")
    assert "changed=0 " in again.output, again.output
