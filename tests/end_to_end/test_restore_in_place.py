"""The bad day: every database host is gone, or a table is; the cluster comes back with its replicas, and can do so again."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import backup_sets, wanting
from tests.end_to_end.test_site import changed_tasks

from drillbook_lab.lab import DATABASE_HOSTS
from drillbook_lab.traffic import AcknowledgedCommits, count_lost
from drillbook_lab.traffic.under_load import BackgroundWriter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Platform

    from drillbook_lab.lab import Lab

pytestmark = pytest.mark.lab


def restore(lab: Lab, *options: str) -> dict[str, Any]:
    """Restore in place; return the record, with everything proven."""
    completed = lab.run(
        "drillbook", "restore", "main", "--in-place", "--confirm", "postgresql_main", *options, "--json",
        timeout=timedelta(minutes=20),
    )  # fmt: skip
    record: dict[str, Any] = json.loads(completed.stdout)
    assert wanting(record) == [], completed.stderr[-3000:]
    return record


def timelines(lab: Lab) -> set[int]:
    """The timelines of all running members."""
    return {member["timeline"] for member in lab.cluster()}


def has_table(lab: Lab, name: str) -> bool:
    with lab.service().connect() as connection:
        row = connection.execute("select to_regclass(%s) is not null", (name,)).fetchone()
    return bool(row and row[0])


def has_cold(lab: Lab, cold: str) -> bool:
    """Whether the rows outside of the data directory are there, and there."""
    with lab.service().connect() as connection:
        row = connection.execute(
            "select (select count(*) from kept_cold), (select tablespace from pg_tables where tablename = 'kept_cold')"
        ).fetchone()
    return row == (1000, cold)


def test_the_loss_of_all_hosts(platform: Platform, cold: str, tmp_path: Path, figure: Callable[[str], None]) -> None:
    lab = platform.lab
    with lab.service().connect() as connection:
        connection.execute(f"create table kept_cold tablespace {cold} as select generate_series(1, 1000) as n")
    acknowledged = AcknowledgedCommits(tmp_path / "acknowledged.tsv")
    with BackgroundWriter(lab, acknowledged):
        lab.playbook("backup_postgresql", variables={"backup_service": "main", "backup_type": "incr"})
        time.sleep(30)
        disaster_at = datetime.now(UTC)
        for name in DATABASE_HOSTS:
            lab.destroy(name)
    record = restore(lab, "--disaster-at", disaster_at.isoformat())
    assert has_cold(lab, cold)
    told, lost = count_lost(lab.service(), acknowledged)
    known = disaster_at - last_kept(lab, acknowledged)
    assert abs(record["tracks"][0]["rpo"]["actual_seconds"] - known.total_seconds()) < 2 + 2, (
        "heartbeat interval plus clock offset"
    )
    rto, rpo = record["tracks"][0]["rto"]["actual_seconds"], record["tracks"][0]["rpo"]["actual_seconds"]
    figure(f"all hosts lost: RTO {rto:.0f} s, RPO {rpo:.1f} s, {lost} of {told} commits lost")


def last_kept(lab: Lab, acknowledged: AcknowledgedCommits) -> datetime:
    """When the newest commit that survived was acknowledged."""
    with lab.service().connect() as connection:
        found = {row[0] for row in connection.execute("select number from load_commits")}
    return max(entry.heard_at for entry in acknowledged.read() if entry.number in found)


@pytest.fixture(scope="module")
def before_drop(platform: Platform) -> datetime:
    """A moment just before a table was dropped, with traffic behind it."""
    lab = platform.lab
    with lab.service().connect() as connection:
        connection.execute("drop table if exists precious, later")
        connection.execute("create table precious as select generate_series(1, 1000) as n")
    lab.playbook("backup_postgresql", variables={"backup_service": "main", "backup_type": "full"})
    with lab.service().connect() as connection:
        connection.execute("create table later (n int)")
        time.sleep(6)
        moment = datetime.now(UTC)
        time.sleep(2)
        connection.execute("drop table precious")
    with BackgroundWriter(lab, AcknowledgedCommits(lab.state / "pitr.tsv")):
        time.sleep(25)
    return moment


@dataclass(frozen=True, slots=True)
class WentBack:
    """A moment that was gone back to, and when that began."""

    to: datetime
    began: datetime


@pytest.fixture(scope="module")
def went_back(platform: Platform, before_drop: datetime) -> WentBack:
    """That moment, gone back to once."""
    assert not has_table(platform.lab, "precious")
    began = datetime.now(UTC)
    go_back_to(platform.lab, before_drop)
    return WentBack(before_drop, began)


@pytest.mark.usefixtures("went_back")
def test_point_in_time_to_just_before_a_drop(platform: Platform, cold: str) -> None:
    """Over a cluster that was itself restored, and stands."""
    assert has_cold(platform.lab, cold)
    assert (has_table(platform.lab, "precious"), len(timelines(platform.lab))) == (True, 1)


@pytest.mark.slow
def test_the_same_point_again(platform: Platform, went_back: WentBack) -> None:
    """Now the target lies before the first branch, so it needs the old timeline."""
    with platform.lab.service().connect() as connection:
        connection.execute("drop table precious")
    go_back_to(platform.lab, went_back.to)
    assert (has_table(platform.lab, "precious"), len(timelines(platform.lab))) == (True, 1)


def go_back_to(lab: Lab, moment: datetime) -> None:
    restore(lab, "--point", f"time={moment.isoformat()}")
    lab.wait_for_members(len(DATABASE_HOSTS), timedelta(minutes=3))


def test_site_changes_nothing_after_a_restore(platform: Platform) -> None:
    recap = platform.lab.playbook("site")
    assert set(recap.changed().values()) == {0}, changed_tasks(recap.output)


def test_a_fresh_backup_exists_afterwards(platform: Platform, went_back: WentBack) -> None:
    newest = backup_sets(platform.lab)[-1]
    assert newest["type"] == "full"
    assert datetime.fromtimestamp(newest["timestamp"]["start"], UTC) > went_back.began


@pytest.mark.slow
def test_a_host_that_does_not_answer_is_left_out_and_joined_later(platform: Platform) -> None:
    lab = platform.lab
    lab.destroy("db3")
    ran = lab.run(
        "drillbook", "restore", "main", "--in-place", "--confirm", "postgresql_main", "--without", "db3", "--json",
        timeout=timedelta(minutes=20),
    )  # fmt: skip
    record = json.loads(ran.stdout)
    unproven = [check["name"] for check in record["checks"] if check["status"] != "passed"]
    assert (record["verdict"], unproven) == ("UNPROVEN", ["every host of the service restored"]), record["error"]
    assert sorted(member["name"] for member in lab.cluster()) == ["db1", "db2"]
    lab.playbook("site")
    lab.wait_for_members(len(DATABASE_HOSTS), timedelta(minutes=3))
