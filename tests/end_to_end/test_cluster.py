"""What the cluster promises while it lives: no acknowledged commit is lost with one host, and outages stay short."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.conftest import end_segments, wait_until_archived
from tests.end_to_end.test_site import changed_tasks

from drillbook_lab.lab import DATABASE_HOSTS
from drillbook_lab.traffic import AcknowledgedCommits
from drillbook_lab.traffic.under_load import BackgroundWriter, under_load

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from testinfra.host import Host
    from tests.conftest import Platform


pytestmark = pytest.mark.lab

SWITCHOVER = {"switchover_service": "main", "switchover_confirm": "postgresql_main"}
COME_TOGETHER = timedelta(minutes=3)


def test_a_replica_follows_and_a_client_reaches_the_leader(platform: Platform) -> None:
    lab = platform.lab
    lab.wait_for_members(len(DATABASE_HOSTS), COME_TOGETHER)
    with lab.service().connect() as connection:
        row = connection.execute("select pg_is_in_recovery(), current_setting('data_checksums')").fetchone()
    assert row == (False, "on")


def etcd_leads(host: Host, address: str) -> bool:
    """Whether this host's member of etcd is the one that leads, which it says without a login."""
    tls = "/etc/drillbook/tls"
    status = json.loads(
        host.check_output(
            f"NO_PROXY='*' etcdctl --endpoints https://{address}:2379 --cacert {tls}/ca.crt --cert {tls}/etcd.crt --key {tls}/etcd.key "
            "endpoint status --write-out json"
        )
    )[0]["Status"]
    return bool(status["leader"] == status["header"]["member_id"])


def test_the_loss_of_the_primarys_host_loses_nothing(
    platform: Platform, host: Callable[[str], Host], tmp_path: Path, repeat: int, figure: Callable[[str], None]
) -> None:
    """An election of etcd gives every lease its whole time again: where etcd's leader goes too, the outage is longer."""
    lab = platform.lab
    outages = []
    for turn in range(repeat):
        leader = lab.leader()
        both = etcd_leads(host(leader), lab.address(leader))
        seen = under_load(lab, tmp_path / f"{turn}.tsv", partial(lab.cut_power, leader), wait_seconds=40)
        assert (seen.acknowledged > 0, seen.lost) == (True, 0)
        assert seen.outage_seconds < 38, "writes did not come back"
        outages.append(f"{seen.outage_seconds:.1f}{' (with the leader of etcd)' if both else ''}")
        lab.playbook("lab/up")
        lab.wait_for_members(len(DATABASE_HOSTS), COME_TOGETHER)
    figure(f"host loss: write outage {', '.join(outages)} s, 0 commits lost in {repeat} repetitions")


@pytest.mark.parametrize(
    "options", [pytest.param(("--check",), id="predicted"), pytest.param((), id="done", marks=pytest.mark.slow)]
)
def test_site_changes_nothing_after_a_failover(platform: Platform, options: tuple[str, ...]) -> None:
    """What is done, not predicted, is shown by default after a restore (`test_restore_in_place.py`)."""
    platform.lab.wait_for_members(len(DATABASE_HOSTS), COME_TOGETHER)
    recap = platform.lab.playbook("site", *options)
    assert set(recap.changed().values()) == {0}, changed_tasks(recap.output)


def test_a_crash_of_the_server_process_loses_nothing(
    platform: Platform, host: Callable[[str], Host], tmp_path: Path, figure: Callable[[str], None]
) -> None:
    lab = platform.lab
    leader = host(lab.leader())
    crash = "kill -KILL $(head -1 /var/lib/postgresql/17/main/postmaster.pid)"
    seen = under_load(lab, tmp_path / "a.tsv", lambda: leader.check_output(crash), wait_seconds=30)
    assert (seen.acknowledged > 0, seen.lost) == (True, 0)
    assert seen.outage_seconds < 25, "writes did not come back"
    figure(f"process crash: write outage {seen.outage_seconds:.2f} s")
    lab.wait_for_members(len(DATABASE_HOSTS), COME_TOGETHER)


def test_a_planned_switchover_is_short_and_loses_nothing(
    platform: Platform, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    lab = platform.lab
    leader = lab.leader()
    seen = under_load(
        lab,
        tmp_path / "a.tsv",
        lambda: lab.playbook("switchover_postgresql", variables=SWITCHOVER),
        wait_seconds=10,
    )
    assert lab.leader() != leader
    assert (seen.acknowledged > 0, seen.lost) == (True, 0)
    assert seen.outage_seconds < 15, "writes did not come back"
    figure(f"switchover: write outage {seen.outage_seconds:.2f} s")
    lab.wait_for_members(len(DATABASE_HOSTS), COME_TOGETHER)


def test_a_switchover_waits_for_the_archive_and_is_refused_without_it(
    platform: Platform, host: Callable[[str], Host], silent_store: Callable[[], AbstractContextManager[None]]
) -> None:
    """What the old leader had not archived would be missing there for ever."""
    lab = platform.lab
    leader = lab.leader()
    with silent_store():
        code, recap = lab.attempt("switchover_postgresql", variables=SWITCHOVER)
    assert code != 0
    assert "segments are not archived" in recap.output
    assert lab.leader() == leader
    leave_the_kept_segments_behind(host(leader))


def test_segments_of_ended_timelines_do_not_hold_up_the_archive(
    platform: Platform, host: Callable[[str], Host]
) -> None:
    """After a crash each standby holds the last segment in part. Once it leads, its version would meet another one there."""
    lab = platform.lab
    for _turn in range(2):
        leader = host(lab.leader())
        leave_the_kept_segments_behind(leader)
        lab.playbook("switchover_postgresql", variables=SWITCHOVER)
        lab.wait_for_members(len(DATABASE_HOSTS), COME_TOGETHER)
    leave_the_kept_segments_behind(host(lab.leader()))
    passed_over = "journalctl --unit=patroni --grep='drillbook: timeline .* not archived' --quiet"
    assert any(host(name).run(passed_over).rc == 0 for name in DATABASE_HOSTS), "there was none, so nothing was proven"


def leave_the_kept_segments_behind(leader: Host) -> None:
    """Write more segments than wal_keep_size keeps, so that older ones are up for removal, and wait until all are archived."""
    end_segments(leader, 10)
    leader.check_output("runuser -u postgres -- psql -XAtq --command=checkpoint postgres")
    wait_until_archived(leader)


def test_a_lossless_cluster_without_a_standby_acknowledges_nothing(
    platform: Platform, host: Callable[[str], Host], tmp_path: Path
) -> None:
    lab = platform.lab
    leader = lab.leader()
    replicas = [name for name in DATABASE_HOSTS if name != leader]
    for name in replicas:
        host(name).check_output("systemctl stop patroni.service")
    try:
        time.sleep(5)
        acknowledged = AcknowledgedCommits(tmp_path / "none.tsv")
        writer = BackgroundWriter(lab, acknowledged)
        with writer:
            time.sleep(10)
            told = len(acknowledged.read())
            for name in replicas:
                host(name).check_output("systemctl start patroni.service")
            lab.wait_for_members(len(DATABASE_HOSTS), COME_TOGETHER)
            time.sleep(5)
        assert told == 0
        assert len(acknowledged.read()) > 0, "writes did not resume with the standbys"
    finally:
        for name in replicas:
            host(name).run("systemctl start patroni.service")
    lab.wait_for_members(len(DATABASE_HOSTS), COME_TOGETHER)


def test_a_password_is_asked_for_and_the_certificate_checked(platform: Platform) -> None:
    lab = platform.lab
    good = lab.service()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(
            host=good.host, port=good.port, dbname=good.database, user=good.user, password="wrong", connect_timeout=5
        )
    with pytest.raises(psycopg.OperationalError, match=r"SSL|ssl"):
        psycopg.connect(
            host=lab.address("db1"), port=5432, dbname="app", user="app", sslmode="verify-full",
            sslrootcert="/etc/ssl/certs/ca-certificates.crt", connect_timeout=5,
        )  # fmt: skip
