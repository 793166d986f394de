"""Restored data that is not what the primary answered, and answers that the agent never gave."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from drillbook_lab.lab import DATABASE_HOSTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testinfra.host import Host
    from tests.faults.conftest import Drills

pytestmark = pytest.mark.lab


NEWEST_ROW = """
update load_commits set filler = {filler}
where number = (select number from load_commits order by written_at desc limit 1)
"""


@contextmanager
def no_new_fingerprints(host: Callable[[str], Host]) -> Iterator[None]:
    """The agents stand still, so that the next fingerprint does not make the damage official."""
    for name in DATABASE_HOSTS:
        host(name).check_output("systemctl stop drillbook-heartbeat@main.service")
    try:
        yield
    finally:
        for name in DATABASE_HOSTS:
            host(name).check_output("systemctl start drillbook-heartbeat@main.service")


def on_the_leader(drills: Drills, host: Callable[[str], Host], database: str, statement: str) -> None:
    """Run SQL as the superuser and archive it."""
    leader = host(drills.lab.leader())
    for query in (statement, "select pg_switch_wal()"):
        leader.check_output("runuser -u postgres -- psql -XAt --set=ON_ERROR_STOP=1 --command=%s %s", query, database)
    time.sleep(8)


def test_a_row_that_changed_after_it_was_fingerprinted(drills: Drills, host: Callable[[str], Host]) -> None:
    with no_new_fingerprints(host):
        on_the_leader(drills, host, "app", NEWEST_ROW.format(filler="filler || 'x'"))
        ran = drills.run()
        on_the_leader(drills, host, "app", NEWEST_ROW.format(filler="left(filler, -1)"))
    assert ran.code == 1, ran.why()
    assert ran.failed_checks() == ["fingerprint: commits of an hour"]
    drills.assert_nothing_left()


def test_a_fingerprint_that_somebody_made_up(drills: Drills, host: Callable[[str], Host]) -> None:
    with no_new_fingerprints(host):
        on_the_leader(
            drills, host, "drillbook",
            "insert into drillbook.fingerprint (name, document, signature, taken_at) "
            "select name, replace(document, '\"lsn\"', '\"forged\": 1, \"lsn\"'), signature, clock_timestamp() "
            "from drillbook.fingerprint where name = 'heartbeats of an hour' order by id desc limit 1",
        )  # fmt: skip
        ran = drills.run()
        on_the_leader(drills, host, "drillbook", "delete from drillbook.fingerprint where document like '%forged%'")
    assert ran.code == 1, ran.why()
    assert ran.failed_checks() == ["fingerprint: heartbeats of an hour"]
    assert "signature" in ran.why()
    drills.assert_nothing_left()
