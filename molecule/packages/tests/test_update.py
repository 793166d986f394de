"""What is there becomes the newest; nothing else comes, nothing is started, and half a package is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from testinfra.host import Host
from tests.support.older_packages import installed, make_older, offer_broken, take_back

UPDATED = {"molecule_entry": "update", "packages_patterns": ["cro[n]", "nginx"], "packages_lists_valid_seconds": 0}


@pytest.mark.parametrize("name", ["deb13"])
def test_what_is_there_becomes_the_newest_and_nothing_is_started(
    name: str, host: Host, playbook: Callable[..., Any]
) -> None:
    newest = make_older(host, "cron")
    host.check_output("systemctl stop cron.service")
    first = playbook("entry", molecule_host=name, **UPDATED)
    assert first.status == 0, first.output
    assert installed(host, "cron") == newest
    assert not host.service("cron.service").is_running
    assert not host.package("nginx").is_installed
    assert not host.file("/usr/sbin/policy-rc.d").exists
    again = playbook("entry", molecule_host=name, **UPDATED)
    assert "changed=0 " in again.output, again.output


@pytest.fixture
def broken(name: str, host: Host) -> Iterator[None]:
    """A newer version on offer that fails as it is configured."""
    offer_broken(host, "cron", on=host.check_output("hostname"))
    yield
    take_back(host, "cron")


@pytest.mark.parametrize("name", ["deb13"])
@pytest.mark.usefixtures("broken")
def test_a_package_that_fails_is_told(name: str, playbook: Callable[..., Any]) -> None:
    failed = playbook("entry", molecule_host=name, **UPDATED)
    assert failed.status != 0
    assert "cron" in failed.output.rpartition("TASK [")[2]
    # apt looks no further where the newest version is there, however badly.
    again = playbook("entry", molecule_host=name, **UPDATED)
    assert again.status != 0
    assert "Not installed as a whole: cron half-configured" in " ".join(again.output.split()), again.output
