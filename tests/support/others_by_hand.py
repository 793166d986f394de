"""How clusters came to be that drillbook did not build: step by step, as their owners would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml
from tests.support.others import hba_of_page

if TYPE_CHECKING:
    from tests.support.others import ClusterOfOthers

READY = (
    "for _ in $(seq 120); do runuser -u postgres -- psql -XAtq --port={port} --username={superuser} "
    "-c 'select 1 where not pg_is_in_recovery()' postgres 2>/dev/null | grep -q 1 && break; sleep 0.5; done"
)


def debian_by_hand(cluster: ClusterOfOthers) -> None:
    """Debian's own layout: the configuration lies in /etc/postgresql, and no backup has it."""
    library = "/usr/lib/postgresql/17/lib"
    cluster.shell(
        f"pg_createcluster --port={cluster.port} --locale=C.UTF-8 17 main; "
        f"install -d -o postgres /srv/billing; cp {library}/auto_explain.so {library}/billing_only.so"
    )
    settings = {
        "archive_mode": "on",
        "archive_command": "pgbackrest --stanza=billing-prod archive-push %p",
        "archive_timeout": "10s",
        "shared_preload_libraries": "pg_stat_statements,billing_only",
        "password_encryption": "scram-sha-256",
    }
    cluster.write(
        "/etc/postgresql/17/main/conf.d/billing.conf",
        "\n".join(f"{key} = '{value}'" for key, value in settings.items()),
    )
    # As the package's own createcluster.conf has it.
    cluster.shell("echo \"include_dir = 'conf.d'\" >>/etc/postgresql/17/main/postgresql.conf")
    cluster.shell(f"sed -i '1i {hba_of_page()}' /etc/postgresql/17/main/pg_hba.conf")
    cluster.configure_backups("billing-prod", "/var/lib/postgresql/17/main")
    cluster.shell(f"pg_ctlcluster 17 main start; {READY.format(port=cluster.port, superuser=cluster.superuser)}")
    fill(cluster)
    # What its owner changed later lies with the data, and comes with the backup.
    for statement in (
        "alter system set shared_preload_libraries = 'pg_stat_statements, billing_only'",
        "alter system set ssl_cert_file = '/etc/ssl/billing/only-here.pem'",
        "alter system set shared_buffers = '96MB'",
        "create tablespace billing location '/srv/billing'",
        "create table archive tablespace billing as select generate_series(1, 1000) as number",
    ):
        cluster.sql(statement, "billing" if "table archive" in statement else "postgres")
    cluster.back_up("billing-prod")


def patroni_by_hand(cluster: ClusterOfOthers) -> None:
    """A Patroni with paths, ports, scope and users of its owner's choice; nobody made a role called postgres."""
    settings = {
        "scope": "acme-prod",
        "namespace": "/acme/",
        "name": "node-a",
        "restapi": {"listen": "127.0.0.1:9008", "connect_address": "127.0.0.1:9008"},
        "etcd3": {"hosts": ["127.0.0.1:2379"]},
        "bootstrap": {
            "dcs": {
                "postgresql": {
                    "parameters": {
                        "archive_mode": "on",
                        "archive_command": "pgbackrest --stanza=acme archive-push %p",
                        "archive_timeout": "10s",
                        "shared_preload_libraries": "pg_stat_statements",
                        "max_connections": 250,
                        "hba_file": "/srv/acme/data/pg_hba.conf",
                    }
                }
            },
            "initdb": ["data-checksums", {"encoding": "UTF8"}, {"locale": "C.UTF-8"}],
        },
        "postgresql": {
            "listen": f"127.0.0.1:{cluster.port}",
            "connect_address": f"127.0.0.1:{cluster.port}",
            "bin_dir": "/usr/lib/postgresql/17/bin",
            "data_dir": "/srv/acme/data",
            "pgpass": "/srv/acme/pgpass",
            "use_unix_socket": True,
            "parameters": {"unix_socket_directories": "/srv/acme/run,/var/run/postgresql"},
            "authentication": {
                "superuser": {"username": "admin"},
                "replication": {"username": "streamer", "password": "s"},
            },
            "pg_hba": [
                hba_of_page(),
                "local all admin peer map=owners",
                "host replication streamer 127.0.0.1/32 scram-sha-256",
            ],
            "pg_ident": ["owners postgres admin", "owners root admin"],
        },
    }
    cluster.shell(
        "install -d -o postgres /srv/acme /srv/acme/run; "
        "systemd-run --quiet --unit=acme-etcd etcd --data-dir /srv/acme-etcd"
    )
    cluster.write("/srv/acme/patroni.yml", yaml.safe_dump(settings))
    cluster.configure_backups("acme", "/srv/acme/data")
    cluster.shell(
        "systemd-run --quiet --unit=acme-patroni --uid=postgres patroni /srv/acme/patroni.yml; "
        f"{READY.format(port=cluster.port, superuser=cluster.superuser)}"
    )
    fill(cluster)
    cluster.back_up("acme")


def fill(cluster: ClusterOfOthers) -> None:
    """The database and the role of the service."""
    cluster.sql(f"create role billing login password '{cluster.probe}'")
    cluster.sql("create database billing owner billing")
    cluster.sql("create extension pg_stat_statements", "billing")
    cluster.sql("create table invoices as select generate_series(1, 5000) as number", "billing")
