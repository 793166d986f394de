"""lynis finds nothing on a host of each role that docs/reference/hardening.md does not name with its reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from drillbook_lab.lab import DATABASE_HOSTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from testinfra.host import Host
    from tests.conftest import Platform

pytestmark = [pytest.mark.lab, pytest.mark.slow]

WANTED = 75
FOUND = re.compile(r"^(?:suggestion|warning)\[\]=([^|]+)\|[^|]*\|([A-Za-z]*)", re.MULTILINE)
NAMED = re.compile(r"^\| `([A-Z0-9-]+(?: \w+)?)` \|", re.MULTILINE)


@pytest.fixture(scope="module")
def page(platform: Platform) -> dict[str, set[str]]:
    """Tests that each section of the page names."""
    text = (platform.lab.root / "docs/reference/hardening.md").read_text(encoding="utf-8")
    sections = (one.partition("\n") for one in text.split("\n## "))
    return {title: set(NAMED.findall(body)) for title, _, body in sections}


@pytest.mark.parametrize("name", [DATABASE_HOSTS[0], "lb1", "store1"])
def test_lynis_finds_nothing_that_is_not_named(
    host: Callable[[str], Host], page: dict[str, set[str]], figure: Callable[[str], None], name: str
) -> None:
    audited = host(name)
    audited.check_output("apt-get install --yes --no-install-recommends lynis")
    try:
        for test in page["Not asked of containers"]:
            audited.check_output(f"echo skip-test={test} >>/etc/lynis/custom.prf")
        audited.check_output("lynis audit system --quick --no-colors --quiet")
        report = audited.file("/var/log/lynis-report.dat").content_string
    finally:
        audited.check_output("apt-get purge --yes lynis && rm -rf /etc/lynis /var/log/lynis*")
    index = int(re.findall(r"^hardening_index=(\d+)$", report, re.MULTILINE)[0])
    figure(f"lynis on {name}: {index}")
    found = {f"{test} {detail}" if test == "SSH-7408" else test for test, detail in FOUND.findall(report)}
    assert found <= page["Left alone"], sorted(found - page["Left alone"])
    assert index >= WANTED
