"""What a client of etcd notices."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from testinfra.backend.base import CommandResult
from testinfra.host import Host

PORTS = {"deb13": 2379, "full": 12379}
PEER_PORTS = {"deb13": 2380, "full": 12380}
DIRECTORY = "/etc/drillbook/tls"
Etcdctl = Callable[..., CommandResult]


def tls(certificate: str) -> str:
    return f"--cacert={DIRECTORY}/ca.crt --cert={DIRECTORY}/{certificate}.crt --key={DIRECTORY}/{certificate}.key"


@pytest.fixture
def password(secret: Callable[[str], str]) -> Callable[[str], str]:
    """The password of a user."""
    return lambda user: secret({"root": "etcd_root", "keeper": "etcd_patroni"}[user])


@pytest.fixture
def etcdctl(name: str, host: Host, address: str, password: Callable[[str], str]) -> Etcdctl:
    """Runs a command of etcdctl with a certificate of the host, as a user or as nobody."""

    def run(command: str, user: str = "", certificate: str = "etcd") -> CommandResult:
        login = f"--user={user}:{password(user)}" if user else ""
        endpoint = f"--endpoints=https://{address}:{PORTS[name]}"
        return host.run(f"ETCDCTL_API=3 NO_PROXY='*' etcdctl {endpoint} {tls(certificate)} {login} {command}")

    return run


def test_it_runs_and_starts_at_boot(host: Host) -> None:
    service = host.service("etcd.service")
    assert service.is_running
    assert service.is_enabled


def test_what_a_user_writes_is_read_back(etcdctl: Etcdctl) -> None:
    assert etcdctl("put /kept/word safe", "keeper").rc == 0
    assert etcdctl("get /kept/word --print-value-only", "keeper").stdout.strip() == "safe"


@pytest.mark.parametrize("certificate", ["etcd", "stranger"])
@pytest.mark.parametrize(
    "command", ["get / --prefix", "put /kept/word stolen", "del / --prefix", "user list", "auth disable"]
)
def test_a_certificate_alone_opens_nothing(etcdctl: Etcdctl, certificate: str, command: str) -> None:
    """Each host of the platform has one of that authority; what Patroni reads there it does, on all members."""
    etcdctl("put /kept/word safe", "keeper")
    refused = etcdctl(command, certificate=certificate)
    assert refused.rc != 0
    assert "permission denied" in refused.stderr or "user name is empty" in refused.stderr
    assert etcdctl("get /kept/word --print-value-only", "keeper").stdout.strip() == "safe"


@pytest.mark.parametrize(
    "command", ["get / --prefix", "put /others/word stolen", "put /kep stolen", "user list", "member list"]
)
def test_a_user_reaches_its_own_prefix_alone(etcdctl: Etcdctl, command: str) -> None:
    refused = etcdctl(command, "keeper")
    assert (refused.rc != 0) is (command != "member list")
    assert command == "member list" or "permission denied" in refused.stderr


def test_a_peer_with_another_name_is_refused(name: str, host: Host, address: str) -> None:
    asked = f"curl --http1.1 --noproxy '*' --silent --show-error --cacert {DIRECTORY}/ca.crt https://{address}:{PEER_PORTS[name]}/version"
    for certificate, refused in (("etcd", False), ("stranger", True)):
        pair = f"--cert {DIRECTORY}/{certificate}.crt --key {DIRECTORY}/{certificate}.key"
        assert (host.run(f"{asked} {pair}").rc != 0) is refused, certificate


@pytest.mark.parametrize("name", ["full"])
def test_what_somebody_granted_or_switched_off_is_taken_back(
    etcdctl: Etcdctl, playbook: Callable[..., Any], password: Callable[[str], str]
) -> None:
    """And a second run changes nothing; passwords stand in no output."""
    for command in (
        "role grant-permission keeper --prefix=true read /others/",
        "user grant-role keeper root",
        "auth disable",
    ):
        assert etcdctl(command, "root").rc == 0, command
    run = partial(playbook, "entry", molecule_host="full", molecule_entry="access")
    assert run(etcd_access_enforced=False).status == 0
    assert etcdctl("get / --prefix").rc == 0, "who does not log in yet is not shut out of keys that are there"
    first, again = run(etcd_access_enforced=True), run(etcd_access_enforced=True)
    assert (first.status, again.status) == (0, 0)
    assert etcdctl("get / --prefix").rc != 0
    assert etcdctl("get /others/ --prefix", "keeper").rc != 0
    assert "changed=1" in first.output
    assert "changed=0" in again.output
    for ended in (first, again):
        assert not [user for user in ("root", "keeper") if password(user) in ended.output]


@pytest.mark.parametrize("name", ["full"])
def test_passwords_are_changed_and_a_wrong_one_is_named(
    etcdctl: Etcdctl, playbook: Callable[..., Any], password: Callable[[str], str]
) -> None:
    def run(**variables: Any) -> Any:
        return playbook("entry", molecule_host="full", molecule_entry="access", **variables)

    wrong = run(etcd_root_password="another")
    assert wrong.status != 0
    assert "etcd does not take the password of root" in " ".join(wrong.output.split())
    users = [{"name": "keeper", "password": "changed", "prefixes": ["/kept/"]}]
    try:
        assert (
            run(etcd_root_password="another", etcd_former_root_password=password("root"), etcd_users=users).status == 0
        )
        assert etcdctl("get /kept/ --prefix", "keeper").rc != 0
    finally:
        back = run(etcd_former_root_password="another")
    assert back.status == 0
    assert etcdctl("get /kept/ --prefix", "keeper").rc == 0


def test_a_client_without_a_certificate_is_refused(name: str, host: Host, address: str) -> None:
    asked = host.run(
        f"curl --noproxy '*' --silent --cacert /etc/drillbook/tls/ca.crt https://{address}:{PORTS[name]}/version"
    )
    assert asked.rc != 0


@pytest.mark.parametrize(("name", "member"), [("deb13", "deb13"), ("full", "alone")])
def test_the_member_has_the_declared_name(etcdctl: Etcdctl, member: str) -> None:
    assert f", {member}, " in etcdctl("member list", "root").stdout


@pytest.mark.parametrize(("name", "cluster"), [("deb13", "main"), ("full", "changed")])
def test_the_data_lies_under_the_clusters_name_and_is_private(host: Host, cluster: str) -> None:
    directory = host.file(f"/var/lib/etcd/{cluster}")
    assert directory.user == "etcd"
    assert directory.mode == 0o700


def test_debian_12_is_refused_by_name(refusal: Callable[[str], str]) -> None:
    said = refusal("deb12")
    assert "etcd 3.4" in said
    assert "Debian 13" in said
