"""A rotation of the authority: at every step each certificate verifies on every host, and in the end none of the former authority does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

DIRECTORIES = {"deb12": "/etc/molecule/tls", "deb13": "/etc/drillbook/tls"}
FORMER = "/root/former.crt"


@pytest.fixture
def hosts(connect: Callable[[str], Host]) -> dict[str, Host]:
    return {name: connect(name) for name in DIRECTORIES}


def verified(hosts: dict[str, Host]) -> bool:
    """Whether each host's certificate is good for each host's trust."""
    shown = [host.file(f"{DIRECTORIES[name]}/molecule.crt").content_string for name, host in hosts.items()]
    for name, host in hosts.items():
        for pem in shown:
            trust = f"{DIRECTORIES[name]}/ca.crt"
            if host.run("printf %%s %s > /root/shown.crt && openssl verify -CAfile %s /root/shown.crt", pem, trust).rc:
                return False
    return True


def trusted(host: Host, name: str) -> int:
    return int(host.file(f"{DIRECTORIES[name]}/ca.crt").content_string.count("BEGIN CERTIFICATE"))


def test_certificates_are_good_at_every_step_of_a_rotation(
    hosts: dict[str, Host], playbook: Callable[..., Any]
) -> None:
    """Each step is done twice, as after a run that was cut off; a host that is a step behind is still trusted."""
    for name, host in hosts.items():
        host.check_output(f"cp {DIRECTORIES[name]}/molecule.crt {FORMER}")

    def step(what: str, only: str = "molecule_hosts") -> None:
        for entry in ("rotate", "rotate", "main"):
            ran = playbook("entry", molecule_host=only, molecule_entry=entry, certificates_rotation_step=what)
            assert ran.status == 0, ran.output

    for what, count in (("prepare", 2), ("take_over", 2), ("finish", 1)):
        for only in ("deb12", "deb13"):
            step(what, only)
            assert verified(hosts), (what, only)
        assert [trusted(host, name) for name, host in hosts.items()] == [count] * 2, what
    again = playbook("entry", molecule_entry="main")
    assert "changed=0" in again.output
    for name, host in hosts.items():
        refused = host.run(f"openssl verify -CAfile {DIRECTORIES[name]}/ca.crt {FORMER}")
        assert refused.rc != 0, name
