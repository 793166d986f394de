"""Somebody is told of a security update that unattended updates leave alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from testinfra.host import Host

FOLDER, SOURCE = "/srv/molecule-security", "/etc/apt/sources.list.d/molecule-security.list"
# A package whose name the scenario holds, installed in its first version and offered in its second by an archive of that label.
OFFER = f"""
set -eu
rm -rf {FOLDER}; mkdir -p {FOLDER}/tree/DEBIAN; cd {FOLDER}
for version in 1 2; do
  printf 'Package: molecule-held\\nVersion: %s\\nArchitecture: all\\nMaintainer: nobody\\nDescription: held\\n' $version > tree/DEBIAN/control
  dpkg-deb --build tree held-$version.deb >/dev/null
done
dpkg --install held-1.deb
dpkg-deb --field held-2.deb > Packages
printf 'Filename: held-2.deb\\nSize: %s\\nSHA256: %s\\n' "$(stat --format=%s held-2.deb)" "$(sha256sum held-2.deb | cut --delimiter=' ' --fields=1)" >> Packages
printf 'Label: LABEL\\nSuite: molecule\\n' > Release
echo 'deb [trusted=yes] file:{FOLDER} ./' > {SOURCE}
apt-get update --quiet --quiet -o Dir::Etc::sourcelist={SOURCE} -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0
"""


@pytest.fixture
def offered(host: Host, request: pytest.FixtureRequest) -> Iterator[None]:
    host.check_output(OFFER.replace("LABEL", request.param))
    yield
    host.check_output(f"dpkg --purge molecule-held; rm -rf {FOLDER} {SOURCE} /var/lib/apt/lists/_srv_molecule*")


@pytest.mark.parametrize("name", ["deb12"])
@pytest.mark.parametrize(("offered", "waits"), [("Debian-Security", True), ("Debian", False)], indirect=["offered"])
@pytest.mark.usefixtures("offered")
def test_a_held_security_update_fails_the_unit(host: Host, waits: bool) -> None:
    looked = host.run("systemctl start drillbook-updates-check.service")
    if waits:
        said = host.check_output("journalctl --unit=drillbook-updates-check.service --output=cat --since=-1min")
        assert "molecule-held: 2 is a security update, and 1 is installed" in said
    assert (looked.rc != 0) is waits
    metric = host.file("/var/lib/drillbook/metrics/updates/updates.prom").content_string
    assert metric.endswith(f"drillbook_held_security_updates {int(waits)}\n")


def test_it_is_looked_at_daily(host: Host) -> None:
    assert host.service("drillbook-updates-check.timer").is_enabled
    assert host.service("drillbook-updates-check.timer").is_running
