"""What a client notices of the pooler, from outside the host."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from testinfra.host import Host

PORTS = {"deb13": 6432, "full": 16432}


@pytest.fixture
def ask(name: str, address: str, state: Path, secret: Callable[[str], str]) -> Callable[..., str]:
    """Connects as a client does and asks who it is; refusals are raised."""

    def run(user: str = "app", password: str | None = None, sslmode: str = "verify-full") -> str:
        with (
            psycopg.connect(
                host=address,
                port=PORTS[name],
                dbname="app",
                user=user,
                password=password or secret("postgresql_app"),
                sslmode=sslmode,
                sslrootcert=str(state / "ca/ca.crt"),
                connect_timeout=10,
            ) as connection,
            connection.execute("select current_user") as cursor,
        ):
            row = cursor.fetchone()
            assert row
            return str(row[0])

    return run


def test_it_runs_and_starts_at_boot(host: Host) -> None:
    service = host.service("pgbouncer.service")
    assert service.is_running
    assert service.is_enabled


def test_a_query_answers(ask: Callable[..., str]) -> None:
    assert ask() == "app"


def test_a_wrong_password_is_refused(ask: Callable[..., str]) -> None:
    with pytest.raises(psycopg.OperationalError):
        ask(password="wrong")


def test_a_client_without_tls_is_refused(ask: Callable[..., str]) -> None:
    with pytest.raises(psycopg.OperationalError):
        ask(sslmode="disable")


def test_the_superuser_does_not_pass(ask: Callable[..., str], secret: Callable[[str], str]) -> None:
    with pytest.raises(psycopg.OperationalError):
        ask(user="postgres", password=secret("postgresql_superuser"))


def test_what_holds_the_password_is_the_services_alone(host: Host) -> None:
    file = host.file("/etc/pgbouncer/userlist.txt")
    assert file.mode == 0o600
    assert file.user == "postgres"


@pytest.mark.parametrize(("name", "clients", "files"), [("deb13", "500", "4096"), ("full", "60", "1024")])
def test_limits_are_in_effect(host: Host, clients: str, files: str) -> None:
    assert host.file("/etc/pgbouncer/pgbouncer.ini").contains(f"^max_client_conn *= *{clients}$")
    assert host.check_output("systemctl show --property=LimitNOFILE --value pgbouncer.service") == files


def test_debian_12_is_refused_by_name(refusal: Callable[[str], str]) -> None:
    said = refusal("deb12")
    assert "PgBouncer 1.18" in said
    assert "Debian 13" in said
