"""What the cluster promises while it lives: no acknowledged commit is lost with one host, and outages stay short."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.end_to_end.test_site import changed_tasks

from drillbook.demo.story import DATABASE_HOSTS, BackgroundWriter
from drillbook.load import AcknowledgedCommits, count_lost, longest_outage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from testinfra.host import Host
    from tests.conftest import Platform

    from drillbook.demo.lab import Lab

pytestmark = pytest.mark.lab

COME_TOGETHER = timedelta(minutes=3)


def outage_and_loss(lab: Lab, path: Path, event: Callable[[], object], wait: float) -> tuple[float, int, int]:
    """Write for a while, let the event happen, write on; return the outage in seconds, acknowledged and lost."""
    acknowledged = AcknowledgedCommits(path)
    with BackgroundWriter(lab, acknowledged):
        time.sleep(3)
        event()
        time.sleep(wait)
    told, lost = count_lost(lab.service(), acknowledged)
    return longest_outage(acknowledged.read()).length.total_seconds(), told, lost


def test_a_replica_follows_and_a_client_reaches_the_leader(platform: Platform) -> None:
    lab = platform.lab
    lab.wait_for_members(len(DATABASE_HOSTS), COME_TOGETHER)
    with lab.service().connect() as connection:
        row = connection.execute("select pg_is_in_recovery(), current_setting('data_checksums')").fetchone()
    assert row == (False, "on")


def test_the_loss_of_the_primarys_host_loses_nothing(platform: Platform, tmp_path: Path, repeat: int) -> None:
    lab = platform.lab
    outages = []
    for turn in range(repeat):
        leader = lab.leader()
        seconds, told, lost = outage_and_loss(
            lab, tmp_path / f"{turn}.tsv", lambda name=leader: lab.cut_power(name), wait=40
        )
        assert told > 0
        assert lost == 0
        assert seconds < 40, "writes did not come back"
        outages.append(seconds)
        lab.playbook("lab_up")
        lab.wait_for_members(len(DATABASE_HOSTS), COME_TOGETHER)
    print(f"host loss: write outage {outages} s, 0 commits lost in {repeat} repetitions")  # noqa: T201 -- the figure is the result


def test_site_changes_nothing_after_a_failover(platform: Platform) -> None:
    platform.lab.wait_for_members(len(DATABASE_HOSTS), COME_TOGETHER)
    recap = platform.lab.playbook("site")
    assert set(recap.changed().values()) == {0}, changed_tasks(recap.output)


def test_a_planned_switchover_is_short_and_loses_nothing(platform: Platform, tmp_path: Path) -> None:
    lab = platform.lab
    leader = lab.leader()
    variables = {"switchover_cluster": "postgresql_main"}
    seconds, told, lost = outage_and_loss(
        lab, tmp_path / "a.tsv", lambda: lab.playbook("switchover_postgresql", variables=variables), wait=3
    )
    assert lab.leader() != leader
    assert (told > 0, lost) == (True, 0)
    print(f"switchover: write outage {seconds:.2f} s")  # noqa: T201 -- the figure is the result
    lab.wait_for_members(len(DATABASE_HOSTS), COME_TOGETHER)


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


def test_a_password_is_asked_for_and_the_certificate_checked(platform: Platform, tmp_path: Path) -> None:
    lab = platform.lab
    wrong = tmp_path / "wrong"
    wrong.write_text("not-the-password", encoding="utf-8")
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
