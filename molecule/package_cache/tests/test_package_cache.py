"""What a client of the cache notices."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
from testinfra.host import Host

PORTS = {"deb12": 3199, "deb13": 3142}
ANSWERED, REFUSED = 200, 403


@pytest.fixture
def ask(name: str, address: str) -> Callable[[str], int]:
    """The status that the cache answers with when a client asks it for an address."""
    proxy = f"http://{address}:{PORTS[name]}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy}))

    def status(url: str) -> int:
        try:
            with opener.open(url, timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    return status


def test_it_runs_and_starts_at_boot(host: Host) -> None:
    service = host.service("apt-cacher-ng.service")
    assert service.is_running
    assert service.is_enabled


def test_it_passes_on_what_the_mirror_has(host: Host, ask: Callable[[str], int]) -> None:
    targets = host.check_output("apt-get indextargets --format '$(REPO_URI) $(RELEASE)'").splitlines()
    archive, release = targets[0].split()
    # To the cache a client always speaks http; it goes on by https where the mirror wants that.
    assert ask(f"{archive.replace('https://', 'http://').rstrip('/')}/dists/{release}/InRelease") == ANSWERED


def test_it_is_no_way_to_anywhere_else(ask: Callable[[str], int]) -> None:
    assert ask("http://elsewhere.invalid/dists/trixie/InRelease") == REFUSED
