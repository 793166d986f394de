"""Restored data that is not what the primary answered, and answers that the agent never gave."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.conftest import end_segments, wait_until_archived

from drillbook_lab.lab import DATABASE_HOSTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testinfra.host import Host
    from tests.faults.conftest import Drills

pytestmark = pytest.mark.lab


# Older than the newest fingerprint, and within its hour.
FINGERPRINTED_ROW = """
select number from load_commits where written_at > clock_timestamp() - interval '50 minutes' order by written_at limit 1
"""
SPOIL = "update load_commits set filler = filler || 'x' where number = {row}"
MEND = "update load_commits set filler = left(filler, -1) where number = {row}"
FORGE = """
insert into drillbook.fingerprint (name, document, signature, taken_at)
select name, replace(document, '"lsn"', '"forged": 1, "lsn"'), signature, clock_timestamp()
from drillbook.fingerprint where name = 'heartbeats of an hour' order by id desc limit 1
"""
FORGET = "delete from drillbook.fingerprint where document like '%forged%'"


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


def on_the_leader(drills: Drills, host: Callable[[str], Host], database: str, statement: str) -> str:
    """Run SQL as the superuser; return what it printed."""
    command = "runuser -u postgres -- psql -XAt --set=ON_ERROR_STOP=1 --command=%s %s"
    answer: str = host(drills.lab.leader()).check_output(command, statement, database)
    return answer


def archive(drills: Drills, host: Callable[[str], Host]) -> None:
    """What was written so far is in the repository afterwards."""
    leader = host(drills.lab.leader())
    end_segments(leader, 1)
    wait_until_archived(leader)


def test_a_row_that_changed_after_it_was_fingerprinted_and_a_fingerprint_that_somebody_made_up(
    drills: Drills, host: Callable[[str], Host]
) -> None:
    """Each is told by its own check, and the others stay green: one drill shows both."""
    with no_new_fingerprints(host):
        row = on_the_leader(drills, host, "app", FINGERPRINTED_ROW)
        on_the_leader(drills, host, "app", SPOIL.format(row=row))
        on_the_leader(drills, host, "drillbook", FORGE)
        archive(drills, host)
        try:
            ran = drills.run()
        finally:
            on_the_leader(drills, host, "drillbook", FORGET)
            on_the_leader(drills, host, "app", MEND.format(row=row))
            archive(drills, host)
    assert ran.code == 1, ran.why()
    assert sorted(ran.failed_checks()) == ["fingerprint: commits of an hour", "fingerprint: heartbeats of an hour"]
    assert "signature" in ran.check("fingerprint: heartbeats of an hour")
    assert "signature" not in ran.check("fingerprint: commits of an hour")
    drills.assert_nothing_left()
