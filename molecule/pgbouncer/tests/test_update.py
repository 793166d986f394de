"""A newer package changes nothing for the clients; they lose their sessions with the restart alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host
from tests.support.older_packages import installed, make_older

PROCESS = "systemctl show --property=MainPID --value pgbouncer.service"


@pytest.mark.parametrize("name", ["full"])
def test_it_is_updated_and_restarted_apart(name: str, host: Host, playbook: Callable[..., Any]) -> None:
    newest = make_older(host, "pgbouncer")
    before = host.check_output(PROCESS)
    updated = playbook("entry", molecule_host=name, molecule_entry="update")
    assert updated.status == 0, updated.output
    assert installed(host, "pgbouncer") == newest
    assert host.check_output(PROCESS) == before
    restarted = playbook("entry", molecule_host=name, molecule_entry="restart")
    assert restarted.status == 0, restarted.output
    assert host.check_output(PROCESS) not in (before, "0")


@pytest.mark.parametrize("name", ["deb13", "full"])
def test_systemd_takes_from_it_what_it_has_no_use_for(host: Host) -> None:
    """Debian's unit is at 9.2 of 10, unsafe."""
    asked = host.run("systemd-analyze --no-pager --threshold=40 security pgbouncer.service")
    assert asked.rc == 0, asked.stdout
