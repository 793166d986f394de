"""What a consumer of certificates notices; a file that was no certificate lay at the authority's place."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from testinfra.host import Host

DIRECTORIES = {"deb12": "/etc/molecule/tls", "deb13": "/etc/drillbook/tls"}
DAY = 86_400


@pytest.fixture
def directory(name: str) -> str:
    """Where the host's certificates lie."""
    return DIRECTORIES[name]


def test_the_certificate_is_the_authoritys(host: Host, directory: str) -> None:
    verified = host.run(f"openssl verify -CAfile {directory}/ca.crt {directory}/molecule.crt")
    assert verified.rc == 0, verified.stderr


@pytest.mark.parametrize("name", ["deb13"])
def test_a_further_authority_s_certificates_are_no_others(host: Host, directory: str) -> None:
    for authority, certificate in (("ca", "molecule"), ("ca-apart", "apart")):
        assert host.run(f"openssl verify -CAfile {directory}/{authority}.crt {directory}/{certificate}.crt").rc == 0
    for authority, certificate in (("ca-apart", "molecule"), ("ca", "apart")):
        assert host.run(f"openssl verify -CAfile {directory}/{authority}.crt {directory}/{certificate}.crt").rc != 0


@pytest.mark.parametrize("name", ["deb12"])
def test_who_has_no_certificate_of_it_does_not_trust_it(host: Host, directory: str) -> None:
    assert not host.file(f"{directory}/ca-apart.crt").exists


def test_both_hosts_trust_the_same_authority(
    connect: Callable[[str], Host],
) -> None:
    assert len({connect(name).file(f"{path}/ca.crt").sha256sum for name, path in DIRECTORIES.items()}) == 1


def test_it_holds_the_names_that_clients_use(name: str, host: Host, directory: str, address: str) -> None:
    for option in (f"-checkhost {name}", "-checkhost localhost", f"-checkip {address}"):
        assert "does match" in host.check_output(f"openssl x509 -noout {option} -in {directory}/molecule.crt")


@pytest.mark.parametrize(("name", "owner"), [("deb12", "games"), ("deb13", "root")])
def test_the_key_is_its_owners_alone(host: Host, directory: str, owner: str) -> None:
    key = host.file(f"{directory}/molecule.key")
    assert key.mode == 0o600
    assert key.user == owner


@pytest.mark.parametrize(("name", "days"), [("deb12", 20), ("deb13", 397)])
def test_it_ends_when_declared(host: Host, directory: str, days: int) -> None:
    ends = host.check_output(
        f'date --utc +%s --date="$(openssl x509 -noout -enddate -in {directory}/molecule.crt | cut -d= -f2)"'
    )
    assert days - 1 < (int(ends) - time.time()) / DAY <= days


def test_the_authoritys_key_does_not_travel(host: Host, directory: str) -> None:
    assert not host.file(f"{directory}/ca.key").exists


@pytest.mark.parametrize(
    ("name", "metrics", "rc"),
    [("deb12", "/var/lib/molecule/metrics", 1), ("deb13", "/var/lib/drillbook/metrics/certificates", 0)],
)
def test_the_watch_fails_before_one_ends(host: Host, directory: str, metrics: str, rc: int) -> None:
    """On one host they last 20 days, and it is to fail 25 days before the end."""
    assert host.service("drillbook-certificates-check.timer").is_running
    assert host.run("systemctl start drillbook-certificates-check.service").rc == rc
    told = host.check_output("journalctl --unit=drillbook-certificates-check.service --no-pager --output=cat")
    assert (f"{directory}/molecule.crt ends on " in told) is bool(rc)
    assert (
        'drillbook_certificate_not_after_seconds{certificate="molecule"}'
        in host.file(f"{metrics}/certificates.prom").content_string
    )
