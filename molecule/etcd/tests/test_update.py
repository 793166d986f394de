"""A member gets its newest packages, is restarted once, and serves what it held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host
from tests.support.older_packages import installed, make_older

PROCESS = "systemctl show --property=MainPID --value etcd.service"


@pytest.mark.parametrize("name", ["full"])
def test_it_is_updated_and_restarted_once(name: str, host: Host, playbook: Callable[..., Any]) -> None:
    newest = make_older(host, "etcd-server", "etcd-client")
    before = host.check_output(PROCESS)
    updated = playbook("entry", molecule_host=name, molecule_entry="update")
    assert updated.status == 0, updated.output
    assert installed(host, "etcd-server", "etcd-client") == newest
    after = host.check_output(PROCESS)
    assert after not in (before, "0")
    again = playbook("entry", molecule_host=name, molecule_entry="update")
    assert "changed=0 " in again.output, again.output
    assert host.check_output(PROCESS) == after


@pytest.mark.parametrize("name", ["full"])
def test_a_member_that_is_away_stops_it_before_anything_is_touched(
    name: str, host: Host, playbook: Callable[..., Any]
) -> None:
    host.check_output("systemctl stop etcd.service")
    try:
        refused = playbook("entry", molecule_host=name, molecule_entry="update", etcd_update_timeout_seconds=3)
    finally:
        host.check_output("systemctl start etcd.service")
    assert refused.status != 0
    assert "Wait until every member is healthy" in refused.output.rpartition("TASK [")[2]


@pytest.mark.parametrize("name", ["deb13", "full"])
def test_systemd_takes_from_it_what_it_has_no_use_for(host: Host) -> None:
    """Debian's unit is at 9.2 of 10, unsafe."""
    asked = host.run("systemd-analyze --no-pager --threshold=40 security etcd.service")
    assert asked.rc == 0, asked.stdout
