"""A restore in place that can't reach its point gives nothing up: one command brings back what ran before."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.conftest import COLD, connect, wait_until_archived

from drillbook_lab.lab import DATABASE_HOSTS

if TYPE_CHECKING:
    from tests.conftest import Platform

    from drillbook_lab.lab import Lab

pytestmark = pytest.mark.lab

BEHIND_ALL = "lsn=FFFF/0"


ASIDE = ("/var/lib/postgresql/17/main.before-restore", f"{COLD}/PG_17_*.before-restore")


def there(lab: Lab, path: str) -> list[str]:
    return [name for name in DATABASE_HOSTS if connect(lab, name).run(f"ls --directory {path}").succeeded]


def test_what_ran_before_a_restore_that_failed_is_put_back(platform: Platform, cold: str) -> None:
    lab = platform.lab
    lab.playbook("backup_postgresql", variables={"backup_service": "main", "backup_type": "incr"})
    with lab.service().connect() as connection:
        connection.execute("drop table if exists written_last")
        connection.execute(f"create table written_last tablespace {cold} as select generate_series(1, 1000) as n")
    before = {member["timeline"] for member in lab.cluster()}
    ran = lab.run(
        "drillbook", "restore", "main", "--in-place", "--confirm", "postgresql_main", "--point", BEHIND_ALL, "--json",
        timeout=timedelta(minutes=10),
    )  # fmt: skip
    said = json.loads(ran.stdout)["error"]["message"]
    assert (ran.returncode, "before configured recovery target was reached" in said) == (3, True), said
    assert [there(lab, path) for path in ASIDE] == [list(DATABASE_HOSTS)] * 2

    lab.playbook("put_back_postgresql", variables={"put_back_service": "main", "put_back_confirm": "postgresql_main"})
    lab.wait_for_members(len(DATABASE_HOSTS), timedelta(minutes=2))
    with lab.service().connect() as connection:
        assert connection.execute("select count(*) from written_last").fetchone() == (1000,)
        connection.execute("drop table written_last")
    after = {member["timeline"] for member in lab.cluster()}
    assert (len(after), max(after) > max(before)) == (1, True)
    assert [there(lab, path) for path in (*ASIDE, "/var/lib/drillbook-unfinished-restore-main")] == [[]] * 3
    wait_until_archived(connect(lab, lab.leader()))


def test_there_is_nothing_to_put_back_after_that(platform: Platform) -> None:
    code, recap = platform.lab.attempt(
        "put_back_postgresql", variables={"put_back_service": "main", "put_back_confirm": "postgresql_main"}
    )
    assert code != 0
    assert "No member of main has data that a restore set aside" in " ".join(recap.output.split())
    assert len(platform.lab.cluster()) == len(DATABASE_HOSTS)
