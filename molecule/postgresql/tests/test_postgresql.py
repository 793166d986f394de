"""What a user of the database notices."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

PORTS = {"deb13": 5432, "full": 15432}
PATRONI = {"deb13": 8008, "full": 18008}
CHANGED = {"shared_buffers": "48MB", "max_connections": 50}
CLUSTERS = {"deb13": "main", "full": "changed"}


@pytest.fixture
def query(name: str, host: Host) -> Callable[..., str]:
    """Asks the server as the superuser, over the local socket."""

    def run(text: str, database: str = "postgres") -> str:
        return str(
            host.check_output(
                "runuser -u postgres -- psql -XAtq --port=%s --command=%s %s", str(PORTS[name]), text, database
            )
        )

    return run


def test_it_runs_and_starts_at_boot(host: Host) -> None:
    service = host.service("patroni.service")
    assert service.is_running
    assert service.is_enabled


def test_what_is_written_is_read_back(query: Callable[..., str]) -> None:
    query("create table if not exists molecule (number int); truncate molecule; insert into molecule values (42)")
    assert query("select number from molecule") == "42"


def test_patroni_says_that_it_leads(name: str, host: Host, address: str) -> None:
    asked = host.check_output(
        f"curl --noproxy '*' --silent --cacert /etc/drillbook/tls/ca.crt https://{address}:{PATRONI[name]}/patroni"
    )
    view = json.loads(asked)
    assert (view["role"], view["state"]) == ("primary", "running")
    assert view["patroni"]["scope"] == CLUSTERS[name]


def test_passwords_are_kept_as_scram_and_pages_with_checksums(query: Callable[..., str]) -> None:
    assert query("show password_encryption") == "scram-sha-256"
    assert query("show data_checksums") == "on"


def test_what_holds_passwords_is_the_services_alone(host: Host) -> None:
    secrets = host.file("/etc/patroni/conf.d/20-secrets.yml")
    assert secrets.mode == 0o600
    assert secrets.user == "postgres"


@pytest.mark.parametrize(("name", "buffers", "connections"), [("deb13", "64MB", "200"), ("full", "48MB", "50")])
def test_parameters_are_in_effect(query: Callable[..., str], buffers: str, connections: str) -> None:
    assert query("show shared_buffers") == buffers
    assert query("show max_connections") == connections


@pytest.mark.parametrize("name", ["full"])
def test_databases_extensions_and_memberships_are_as_declared(query: Callable[..., str]) -> None:
    owner = "select pg_get_userbyid(datdba) from pg_database where datname = 'app'"
    assert query(owner) == "app"
    assert query("select count(*) from pg_extension where extname = 'amcheck'", "app") == "1"
    assert query("select pg_has_role('watcher', 'pg_monitor', 'member')") == "t"


@pytest.mark.parametrize("name", ["full"])
def test_a_database_is_closed_to_roles_that_are_not_named(query: Callable[..., str]) -> None:
    assert query("select has_database_privilege('app', 'app', 'connect')") == "t"
    assert query("select has_database_privilege('watcher', 'app', 'connect')") == "f"


@pytest.mark.parametrize("name", ["full"])
def test_finished_segments_are_archived(query: Callable[..., str]) -> None:
    archived = "select archived_count from pg_stat_archiver"
    before = int(query(archived))
    query("select pg_switch_wal() from pg_create_restore_point('molecule')")
    deadline = time.monotonic() + 30
    while int(query(archived)) <= before:
        assert time.monotonic() < deadline, query("select * from pg_stat_archiver")
        time.sleep(0.5)


def test_debian_12_is_refused_by_name(refusal: Callable[[str], str]) -> None:
    said = refusal("deb12")
    assert "PostgreSQL 15" in said
    assert "Debian 13" in said


def test_a_cluster_of_debians_own_tools_is_not_taken_over(
    connect: Callable[[str], Host], refusal: Callable[[str], str]
) -> None:
    host, theirs = connect("deb13"), "/etc/postgresql/17/main"
    host.check_output(f"mkdir -p {theirs} && touch {theirs}/postgresql.conf")
    try:
        said = refusal("deb13")
    finally:
        host.check_output(f"rm -r {theirs}")
    assert "deb13 has a cluster 17/main of Debian's own tools" in said


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"work_memm": "64MB"}, "work_memm is unknown to this server"),
        ({"work_mem": "64 bananas"}, "work_mem is refused"),
    ],
)
def test_a_setting_that_comes_to_nothing_is_refused_by_name(
    playbook: Callable[..., Any], settings: dict[str, str], told: str
) -> None:
    try:
        ended = playbook("converge", postgresql_parameters={**CHANGED, **settings})
    finally:
        again = playbook("converge")
    assert again.status == 0, again.output
    assert ended.status != 0
    assert told in " ".join(ended.output.split())


def test_what_alter_system_outranks_and_what_waits_for_a_restart_is_told(
    connect: Callable[[str], Host], playbook: Callable[..., Any]
) -> None:
    host = connect("full")
    alter = "runuser -u postgres -- psql -XAtq --port=15432 --command=%s postgres"
    host.check_output(alter, "alter system set archive_command = 'false'")
    try:
        overridden = playbook("converge")
    finally:
        host.check_output(alter, "alter system reset archive_command")
        host.check_output(alter, "select pg_reload_conf()")
    try:
        waiting = playbook("converge", postgresql_parameters={**CHANGED, "max_connections": 60})
    finally:
        again = playbook("converge")
    assert again.status == 0, again.output
    assert overridden.status != 0
    assert "archive_command is overridden by ALTER SYSTEM" in " ".join(overridden.output.split())
    assert waiting.status == 0, waiting.output
    assert "wait for a restart: max_connections" in " ".join(waiting.output.split())
