"""What each role left on the lab's hosts, as a user of the host finds it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.conftest import backup_sets

from drillbook_lab.lab import DATABASE_HOSTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from testinfra.host import Host
    from tests.conftest import Platform

pytestmark = pytest.mark.lab

DATABASE_UNITS = ["etcd", "patroni", "pgbouncer", "drillbook-heartbeat@main", "drillbook-pgbackrest-check.timer"]
UNITS = {
    **dict.fromkeys(DATABASE_HOSTS, DATABASE_UNITS),
    "lb1": ["haproxy"],
    "store1": ["ceph-mon@a", "ceph-radosgw@rgw.a"],
    "cache1": ["apt-cacher-ng"],
}
# What the roles declared that other hosts of the production network may reach.
OPEN_PORTS = {
    **{name: {2379, 2380, 5432, 6432, 8008} for name in DATABASE_HOSTS},
    "lb1": {5000, 5001},
    "store1": {7480},
    "cache1": {3142},
}
SECRET_FILES = {
    "/etc/patroni/conf.d/20-secrets.yml": ("postgres", 0o600),
    "/etc/drillbook/tls/postgresql.key": ("postgres", 0o600),
    "/etc/drillbook/tls/etcd.key": ("etcd", 0o600),
    "/etc/pgbackrest/conf.d/secrets.conf": ("root", 0o640),
    "/etc/drillbook/heartbeats/main.secrets.json": ("drillbook-agent", 0o600),
}
AS_POSTGRES = "runuser -u postgres -- "
SSH = 22


def ask(host: Host, query: str) -> str:
    """The server's answer to the superuser, columns separated by bars."""
    answer: str = host.check_output(AS_POSTGRES + "psql -XAt --command=%s postgres", query)
    return answer


@pytest.fixture(scope="module")
def backed_up(platform: Platform, host: Callable[[str], Host]) -> None:
    """Without a backup the archive's watch is red, and rightly."""
    if not backup_sets(platform.lab):
        platform.lab.playbook("backup_postgresql", variables={"backup_service": "main", "backup_type": "full"})
        for name in DATABASE_HOSTS:
            host(name).check_output("systemctl start drillbook-pgbackrest-check.service")


@pytest.mark.usefixtures("backed_up")
@pytest.mark.parametrize("name", UNITS)
def test_services_run_and_start_at_boot(platform: Platform, host: Callable[[str], Host], name: str) -> None:
    for unit in UNITS[name]:
        service = host(name).service(unit)
        assert service.is_running, unit
        assert service.is_enabled, unit
    assert host(name).run("systemctl --failed --no-legend --plain").stdout == ""


@pytest.mark.parametrize("name", OPEN_PORTS)
def test_the_firewall_lets_in_what_is_declared_and_nothing_else(
    platform: Platform, host: Callable[[str], Host], name: str
) -> None:
    """host_baseline: each listening port is either open by declaration or closed to the production network."""
    ruleset = host(name).check_output("nft list table inet drillbook")
    assert "policy drop" in ruleset
    asker = "lb1" if name != "lb1" else "db1"
    listening = {
        int(line.split()[3].rsplit(":", 1)[1])
        for line in host(name).check_output("ss --no-header --listening --numeric --tcp").splitlines()
    }
    address = platform.lab.address(name)
    reached = {
        port
        for port in (listening | OPEN_PORTS[name] | {8080}) - {SSH}
        if host(asker).run(f"timeout 2 bash -c '</dev/tcp/{address}/{port}'").rc == 0
    }
    assert reached == OPEN_PORTS[name]


@pytest.mark.parametrize("name", DATABASE_HOSTS)
@pytest.mark.parametrize("path", SECRET_FILES)
def test_secret_files_are_their_owners_alone(
    platform: Platform, host: Callable[[str], Host], name: str, path: str
) -> None:
    owner, mode = SECRET_FILES[path]
    file = host(name).file(path)
    assert (file.user, file.mode) == (owner, mode)


@pytest.mark.parametrize("name", [*DATABASE_HOSTS, "store1"])
def test_certificates_are_the_authoritys_and_not_about_to_end(
    platform: Platform, host: Callable[[str], Host], name: str
) -> None:
    tls = "/etc/drillbook/tls"
    certificates = host(name).check_output(f"find {tls} -name '*.crt' ! -name ca.crt").split()
    assert certificates, "none was found, so none would be looked at"
    for certificate in certificates:
        assert host(name).run(f"openssl verify -CAfile {tls}/ca.crt {certificate}").rc == 0, certificate
        assert host(name).run(f"openssl x509 -in {certificate} -noout -checkend 604800").rc == 0, certificate


def test_etcd_has_three_healthy_members_over_tls(platform: Platform, host: Callable[[str], Host]) -> None:
    tls = "--cacert /etc/drillbook/tls/ca.crt --cert /etc/drillbook/tls/etcd.crt --key /etc/drillbook/tls/etcd.key"
    endpoints = ",".join(f"https://{platform.lab.address(name)}:2379" for name in DATABASE_HOSTS)
    answer = host("db1").check_output(
        f"NO_PROXY='*' etcdctl {tls} --endpoints {endpoints} --write-out json endpoint health"
    )
    assert [member["health"] for member in json.loads(answer)] == [True] * 3
    refused = host("db1").run(
        f"NO_PROXY='*' etcdctl --endpoints {endpoints} --cacert /etc/drillbook/tls/ca.crt get / --prefix"
    )
    assert refused.rc != 0, "etcd answered a client without a certificate"


@pytest.mark.parametrize("certificate", ["etcd", "postgresql", "pgbouncer"])
def test_no_certificate_of_the_platform_opens_a_key_of_etcd(
    platform: Platform, host: Callable[[str], Host], certificate: str
) -> None:
    """What Patroni reads there it does on all members: an archive_command is a program, run as postgres."""
    tls = f"--cacert /etc/drillbook/tls/ca.crt --cert /etc/drillbook/tls/{certificate}.crt --key /etc/drillbook/tls/{certificate}.key"
    endpoint = f"--endpoints https://{platform.lab.address('db1')}:2379"
    for command in ("get / --prefix", "put /service/main/config stolen", "del / --prefix"):
        refused = host("db1").run(f"NO_PROXY='*' etcdctl {tls} {endpoint} {command}")
        assert refused.rc != 0, command
        assert "permission denied" in refused.stderr or "user name is empty" in refused.stderr, refused.stderr


def test_the_leader_is_durable_and_archives(platform: Platform, host: Callable[[str], Host]) -> None:
    leader = host(platform.lab.leader())
    query = (
        "select current_setting('synchronous_standby_names') <> '', current_setting('archive_mode'), "
        "current_setting('data_checksums'), current_setting('password_encryption'), "
        "(select count(*) from pg_replication_slots where slot_type = 'physical')"
    )
    assert ask(leader, query) == "t|on|on|scram-sha-256|2"
    leader.check_output(f"{AS_POSTGRES}pgbackrest --stanza=main check")


@pytest.mark.parametrize("name", DATABASE_HOSTS)
def test_no_role_has_a_password_that_is_not_scram_and_no_rule_trusts(
    platform: Platform, host: Callable[[str], Host], name: str
) -> None:
    methods = ask(host(name), "select distinct auth_method from pg_hba_file_rules where type <> 'local'")
    assert set(methods.split()) <= {"scram-sha-256", "cert", "reject"}
    assert ask(host(name), "select rolname from pg_authid where rolpassword !~ '^SCRAM'") == ""


@pytest.mark.parametrize("name", DATABASE_HOSTS)
def test_backup_timers_wait_on_every_member(platform: Platform, host: Callable[[str], Host], name: str) -> None:
    timers = host(name).check_output("systemctl list-timers --all --no-legend --plain drillbook-pgbackrest-*")
    for kind in ("full", "diff", "incr"):
        assert f"drillbook-pgbackrest-{kind}.timer" in timers or f"-backup-{kind}.timer" in timers, timers
    leads = platform.lab.leader() == name
    ran = host(name).run(f"{AS_POSTGRES}/usr/local/lib/drillbook/pgbackrest-backup incr")
    assert ran.rc == 0, ran.stderr
    assert ("backup complete" in ran.stdout) is leads


def test_the_read_only_port_leads_to_a_replica(platform: Platform) -> None:
    wanted = platform.lab.service()
    with psycopg.connect(
        host=wanted.host, port=5001, dbname=wanted.database, user=wanted.user,
        password=wanted.password_file.read_text(encoding="utf-8").strip(),
        sslmode="verify-full", sslrootcert=str(wanted.ca_file), connect_timeout=5,
    ) as connection:  # fmt: skip
        assert connection.execute("select pg_is_in_recovery()").fetchone() == (True,)


def test_the_package_cache_answers_the_production_network(platform: Platform, host: Callable[[str], Host]) -> None:
    answer = host("db1").run(f"timeout 5 bash -c '</dev/tcp/{platform.lab.address('cache1')}/3142'")
    assert answer.rc == 0
