"""Each kind of recovery point, restored into the sandbox: exactly what was there then, and nothing later."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.conftest import backup_sets, wanting

if TYPE_CHECKING:
    from collections.abc import Callable

    from testinfra.host import Host

    from drillbook_lab.lab import Lab

pytestmark = pytest.mark.lab

DRILL_TIMEOUT = timedelta(minutes=15)
# Each is a transaction of its own.
MARKS = (
    "create table if not exists marked (n int)",
    "insert into marked values (1) returning pg_current_xact_id()",
    "select pg_create_restore_point('before the mistake')",
    "select pg_current_wal_lsn()",
    "insert into marked values (2)",
    "select pg_switch_wal()",
)
FINGERPRINTED_SINCE = """
select floor(extract(epoch from max(first))) from (select min(taken_at) as first from drillbook.fingerprint group by name) as firsts
"""


@pytest.fixture(scope="module")
def marks(committed: Lab, host: Callable[[str], Host]) -> dict[str, str]:
    """A transaction, a named point and a location, in this order, with a later row behind them; all archived."""
    leader = host(committed.leader())
    commands = " --command=%s" * len(MARKS)
    answer = leader.check_output(f"runuser -u postgres -- psql -XAtq --set=ON_ERROR_STOP=1{commands} app", *MARKS)
    transaction, _point, location, _switched = answer.split()
    time.sleep(10)
    return {"xid": transaction, "name": "before the mistake", "lsn": location}


@pytest.mark.parametrize(
    "kind",
    [
        "name",
        pytest.param("lsn", marks=pytest.mark.slow),
        pytest.param("xid", marks=pytest.mark.slow),
    ],
)
def test_a_target_brings_back_what_was_there_then(
    committed: Lab, host: Callable[[str], Host], marks: dict[str, str], kind: str
) -> None:
    lab = committed
    ran = lab.run(
        "drillbook", "drill", "run", "postgresql-latest", "--point", f"{kind}={marks[kind]}", "--keep", "--json",
        timeout=DRILL_TIMEOUT,
    )  # fmt: skip
    try:
        record = json.loads(ran.stdout)
        assert wanting(record) == []
        sandbox = host("sandbox1")
        sandbox.check_output("systemctl start patroni.service")
        ask = "runuser -u postgres -- psql -XAt --command='select string_agg(n::text, $$,$$) from marked' app"
        deadline = time.monotonic() + 60
        while (answer := sandbox.run(ask)).rc != 0 and time.monotonic() < deadline:
            time.sleep(1)
        assert answer.stdout.strip() == "1", answer.stderr
    finally:
        lab.run("drillbook", "drill", "clean")


@pytest.fixture(scope="module")
def fingerprinted(committed: Lab, host: Callable[[str], Host]) -> Lab:
    """The lab without the sets from before the first fingerprint of each name: not all that they hold could be proven."""
    leader = host(committed.leader())
    first = int(leader.check_output("runuser -u postgres -- psql -XAt --command=%s drillbook", FINGERPRINTED_SINCE))
    for entry in backup_sets(committed):
        if entry["type"] == "full" and entry["timestamp"]["stop"] < first:
            leader.check_output(f"runuser -u postgres -- pgbackrest --stanza=main --set={entry['label']} expire")
    return committed


@pytest.mark.parametrize(
    "point",
    ["random", pytest.param("oldest", marks=pytest.mark.slow), pytest.param("immediate", marks=pytest.mark.slow)],
)
def test_the_end_of_a_backup_alone_is_a_target(fingerprinted: Lab, point: str) -> None:
    ran = fingerprinted.run(
        "drillbook", "drill", "run", "postgresql-latest", "--point", point, "--json", timeout=DRILL_TIMEOUT
    )
    record = json.loads(ran.stdout)
    assert wanting(record) == []
    assert record["tracks"][0]["recovery_point"]["chosen"]["type"] == point
