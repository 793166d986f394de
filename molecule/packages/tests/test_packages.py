"""What the package manager and systemd say after packages were installed."""

from __future__ import annotations

import pytest
from testinfra.host import Host


def test_the_packages_are_installed(host: Host) -> None:
    assert host.package("cron").is_installed


@pytest.mark.parametrize(("name", "started"), [("deb12", True), ("deb13", False)])
def test_services_are_started_where_that_is_wanted(host: Host, started: bool) -> None:
    assert host.service("cron.service").is_running is started


def test_packages_that_are_installed_later_are_not_kept_from_starting(host: Host) -> None:
    assert not host.file("/usr/sbin/policy-rc.d").exists
