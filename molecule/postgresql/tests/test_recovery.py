"""What the archive holds of settings that were raised after the backup, and a start that fails: no wait ends without its cause."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from testinfra.host import Host

PORT = 15432
DATA, COPY = "/var/lib/postgresql/17/changed", "/var/lib/postgresql/17/copy"
RESTORED = """
restore_command = 'cp /var/lib/postgresql/archive/%f "%p"'
recovery_target_timeline = 'latest'
recovery_target_action = 'promote'
recovery_min_apply_delay = '1d'
max_connections = 40
"""


def ask(host: Host, text: str) -> str:
    command = f"runuser -u postgres -- psql -XAtq --set=ON_ERROR_STOP=1 --port={PORT} --command=%s app"
    return str(host.check_output(command, text))


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def started(host: Host) -> None:
    """Start Patroni, until its server takes writes."""
    host.check_output("systemctl start patroni.service")
    writes = f"runuser -u postgres -- psql -XAtq --port={PORT} --command='select pg_is_in_recovery()' postgres"
    until(lambda: host.run(writes).stdout.strip() == "f")


def set_to(host: Host, setting: str) -> None:
    """By Patroni, as an operator does it, with the restart that it wants."""
    host.check_output(
        f"patronictl -c /etc/patroni/conf.d edit-config --force --quiet -s postgresql.parameters.{setting} changed"
    )
    until(
        lambda: "Pending restart" in host.check_output("patronictl -c /etc/patroni/conf.d list --format=json changed")
    )
    host.check_output("patronictl -c /etc/patroni/conf.d restart --force changed")
    started(host)


@pytest.fixture
def copied(connect: Callable[[str], Host]) -> Iterator[Host]:
    """The host with a copy of its data, from before settings were raised; the archive behind it says more than its control file."""
    host = connect("full")
    host.check_output("systemctl stop patroni.service")
    host.check_output(f"rm -rf {COPY} && cp -a {DATA} {COPY} && rm {COPY}/patroni.dynamic.json")
    host.check_output(f"touch {COPY}/recovery.signal && chown postgres:postgres {COPY}/recovery.signal")
    host.check_output(f"printf '%%s' %s >>{COPY}/postgresql.auto.conf", RESTORED)
    started(host)
    set_to(host, "max_connections=300")
    ask(host, "create table if not exists kept (word text); truncate kept; insert into kept values ('raised')")
    set_to(host, "max_prepared_transactions=5")
    host.check_output(
        f"runuser -u postgres -- psql -XAtq --port={PORT} --command=begin"  # noqa: S608 -- words of this file
        " --command=\"insert into kept values ('prepared')\" --command=\"prepare transaction 'two'\" app"
    )
    segment = ask(host, "select pg_walfile_name(pg_switch_wal())")
    until(lambda: host.run("test -e /var/lib/postgresql/archive/%s", segment).rc == 0)
    yield host
    ask(host, "rollback prepared 'two'")
    ask(host, "drop table kept")
    set_to(host, "max_prepared_transactions=null")
    set_to(host, "max_connections=50")
    host.check_output(f"rm -rf {COPY}")


def test_settings_that_were_raised_after_the_backup_are_followed(copied: Host, playbook: Callable[..., Any]) -> None:
    """Twice, and whatever ALTER SYSTEM had said before: the replay pauses at each, and would wait for ever."""
    replayed = playbook(
        "entry",
        molecule_host="full",
        molecule_entry="restore/replay",
        postgresql_cluster="copy",
        postgresql_restore_timeout_seconds=60,
    )
    assert replayed.status == 0, replayed.output
    assert replayed.output.count("Wait until recovery has ended") == 3
    control = copied.check_output(f"/usr/lib/postgresql/17/bin/pg_controldata {COPY}")
    assert "max_connections setting:              300" in control
    assert "max_prepared_xacts setting:           5" in control
    single = "runuser -u postgres -- /usr/lib/postgresql/17/bin/postgres --single -c max_prepared_transactions=5"
    read = copied.check_output(f"echo 'select word from kept' | {single} -c config_file=/dev/null -D {COPY} app")  # noqa: S608 -- as above
    assert "raised" in read
    assert "prepared" not in read


def test_a_start_that_fails_is_told_with_its_cause(
    connect: Callable[[str], Host], playbook: Callable[..., Any]
) -> None:
    host = connect("full")
    host.check_output("systemctl stop patroni.service")
    host.check_output(
        f"cp -a {DATA}/postgresql.auto.conf /root/ && echo \"huge_pages = 'no_such'\" >>{DATA}/postgresql.auto.conf"
    )
    try:
        ended = playbook(
            "entry", molecule_host="full", molecule_entry="restore/start", postgresql_start_timeout_seconds=15
        )
    finally:
        host.check_output("systemctl stop patroni.service")
        host.check_output(f"cp -a /root/postgresql.auto.conf {DATA}/ && rm /root/postgresql.auto.conf")
        started(host)
    assert ended.status != 0
    said = " ".join(ended.output.split())
    assert "patroni.service was not ready in 15 s" in said
    assert 'invalid value for parameter "huge_pages": "no_such"' in said
