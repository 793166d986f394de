"""The only member of a cluster: it is restarted where that is due and was accepted, and where nothing is due it goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host
from tests.support.older_packages import installed, make_older

SERVER = "head -1 /var/lib/postgresql/17/main/postmaster.pid"
PACKAGES = ("patroni", "postgresql-17")


@pytest.fixture
def entry(name: str, playbook: Callable[..., Any]) -> Callable[..., str]:
    """Runs an entry point that must succeed, and returns its output."""

    def run(entry: str) -> str:
        ended = playbook("entry", molecule_host=name, molecule_entry=entry)
        assert ended.status == 0, ended.output
        return str(ended.output)

    return run


@pytest.mark.parametrize("name", ["deb13"])
def test_an_update_is_in_force_after_a_restart_that_was_accepted(
    name: str, host: Host, playbook: Callable[..., Any], entry: Callable[..., str]
) -> None:
    newest = make_older(host, *PACKAGES)
    before = host.check_output(SERVER)
    entry("update")
    assert installed(host, *PACKAGES) == newest
    assert host.check_output(SERVER) == before, "the packages restarted the server"
    refused = playbook("entry", molecule_host=name, molecule_entry="restart/preflight")
    assert refused.status != 0
    assert "restart_interrupts=main" in refused.output
    entry("restart")
    after = host.check_output(SERVER)
    assert after != before
    assert "changed=0 " in entry("restart")
    assert host.check_output(SERVER) == after
    entry("restart/preflight")


@pytest.mark.parametrize("name", ["deb13"])
def test_a_cluster_that_is_not_whole_is_not_touched(name: str, host: Host, playbook: Callable[..., Any]) -> None:
    before = host.check_output(SERVER)
    members = [{"name": "deb13", "address": "{{ postgresql_address }}"}, {"name": "other", "address": "192.0.2.7"}]
    refused = playbook(
        "entry", molecule_host=name, molecule_entry="restart", postgresql_members=members, postgresql_restart_whole_timeout_seconds=2
    )  # fmt: skip
    assert refused.status != 0
    said = " ".join(refused.output.split())
    assert "main is not whole" in said
    assert "Declared are deb13, other; Patroni sees deb13 leader running" in said
    assert host.check_output(SERVER) == before


def test_systemd_takes_from_it_what_it_has_no_use_for(host: Host) -> None:
    """Debian's unit is at 9.2 of 10, unsafe."""
    asked = host.run("systemd-analyze --no-pager --threshold=40 security patroni.service")
    assert asked.rc == 0, asked.stdout
