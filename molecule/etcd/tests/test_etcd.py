"""What a client of etcd notices."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from testinfra.host import Host

PORTS = {"deb13": 2379, "full": 12379}
TLS = "--cacert=/etc/drillbook/tls/ca.crt --cert=/etc/drillbook/tls/etcd.crt --key=/etc/drillbook/tls/etcd.key"


@pytest.fixture
def etcdctl(name: str, host: Host, address: str) -> Callable[[str], str]:
    """Runs a command of etcdctl with the host's certificate."""

    def run(command: str) -> str:
        endpoint = f"https://{address}:{PORTS[name]}"
        return str(host.check_output(f"ETCDCTL_API=3 NO_PROXY='*' etcdctl --endpoints={endpoint} {TLS} {command}"))

    return run


def test_it_runs_and_starts_at_boot(host: Host) -> None:
    service = host.service("etcd.service")
    assert service.is_running
    assert service.is_enabled


def test_what_is_written_is_read_back(etcdctl: Callable[[str], str]) -> None:
    etcdctl("put molecule kept")
    assert etcdctl("get molecule --print-value-only") == "kept"


def test_a_client_without_a_certificate_is_refused(name: str, host: Host, address: str) -> None:
    asked = host.run(
        f"curl --noproxy '*' --silent --cacert /etc/drillbook/tls/ca.crt https://{address}:{PORTS[name]}/version"
    )
    assert asked.rc != 0


@pytest.mark.parametrize(("name", "member"), [("deb13", "deb13"), ("full", "alone")])
def test_the_member_has_the_declared_name(etcdctl: Callable[[str], str], member: str) -> None:
    assert f", {member}, " in etcdctl("member list")


@pytest.mark.parametrize(("name", "cluster"), [("deb13", "main"), ("full", "changed")])
def test_the_data_lies_under_the_clusters_name_and_is_private(host: Host, cluster: str) -> None:
    directory = host.file(f"/var/lib/etcd/{cluster}")
    assert directory.user == "etcd"
    assert directory.mode == 0o700


def test_debian_12_is_refused_by_name(refusal: Callable[[str], str]) -> None:
    said = refusal("deb12")
    assert "etcd 3.4" in said
    assert "Debian 13" in said
