"""Certificates are renewed before they end, and whoever serves one serves the new one without being told by hand."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from drillbook_lab.lab import DATABASE_HOSTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from testinfra.host import Host
    from tests.conftest import Platform

pytestmark = pytest.mark.lab

TLS = "/etc/drillbook/tls"
POSTGRESQL = "-starttls postgres"
# Certificate, port, and how the port begins TLS.
DATABASE_PORTS = (
    ("etcd", 2379, f"-cert {TLS}/etcd.crt -key {TLS}/etcd.key"),
    ("postgresql", 5432, POSTGRESQL),
    ("pgbouncer", 6432, POSTGRESQL),
    ("postgresql", 8008, ""),
)
SERVED = {**dict.fromkeys((*DATABASE_HOSTS, "ledger1"), DATABASE_PORTS), "store1": (("object_store", 7480, ""),)}
# A reload is asked for, not waited for; the object store's is a restart.
SETTLE_SECONDS = 30


def all_due(host: Callable[[str], Host]) -> dict[str, int]:
    """Variables with which each certificate that is there now is about to end."""
    days_left = 0
    for name, served in SERVED.items():
        for certificate, _port, _options in served:
            ends = host(name).check_output(
                f"openssl x509 -noout -enddate -dateopt iso_8601 -in {TLS}/{certificate}.crt"
            )
            left = datetime.fromisoformat(ends.removeprefix("notAfter=")) - datetime.now(UTC)
            days_left = max(days_left, left.days)
    return {"certificates_renew_before_days": days_left + 1, "certificates_valid_days": days_left + 2}


def serials(lab_host: Host, name: str) -> dict[str, tuple[str, str]]:
    """Port and certificate -> serial number in the file, serial number that the port presents."""
    found = {}
    for certificate, port, options in SERVED[name]:
        in_file = lab_host.check_output(f"openssl x509 -noout -serial -in {TLS}/{certificate}.crt")
        presented = lab_host.run(
            f"timeout 5 openssl s_client -connect {name}:{port} {options} </dev/null 2>/dev/null | openssl x509 -noout -serial"
        )
        found[f"{certificate} on {port}"] = (in_file, presented.stdout.strip())
    return found


def settled(lab_host: Host, name: str) -> dict[str, tuple[str, str]]:
    """The serial numbers once both are the same everywhere, or what they are when the time is over."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        found = serials(lab_host, name)
        if all(in_file == presented for in_file, presented in found.values()) or time.monotonic() > deadline:
            return found
        time.sleep(1)


def test_certificates_that_are_due_are_renewed_and_served(platform: Platform, host: Callable[[str], Host]) -> None:
    before = {name: serials(host(name), name) for name in SERVED}
    renewed = platform.lab.playbook("site", "--tags", "certificates", variables=all_due(host))
    after = {name: settled(host(name), name) for name in SERVED}
    assert {name for name, count in renewed.changed().items() if count} == set(SERVED)
    for name, ports in after.items():
        for port, (in_file, presented) in ports.items():
            assert in_file != before[name][port][0], f"{name}: {port} was not renewed"
            assert presented == in_file, f"{name}: {port} still serves the old one"
    again = platform.lab.playbook("site", "--tags", "certificates")
    assert set(again.changed().values()) == {0}
