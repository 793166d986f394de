"""A restore in place that fails in each phase: what ran before still runs, or one command puts it back."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import COLD, backup_sets, wait_until_archived
from tests.faults.conftest import Ran

from drillbook_lab.lab import DATABASE_HOSTS
from drillbook_lab.traffic.under_load import under_load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from testinfra.host import Host
    from tests.faults.conftest import Bucket, Drills

pytestmark = [pytest.mark.lab, pytest.mark.slow]

ASIDE = "/var/lib/postgresql/17/main.before-restore"
SMALL = "/srv/tablespaces/small"
ROWS = 1000


def restore(drills: Drills, *options: str) -> Ran:
    """Restore in place, and fail to."""
    completed = drills.lab.run(
        "drillbook", "restore", "main", "--in-place", "--confirm", "postgresql_main", *options, "--json",
        timeout=timedelta(minutes=20),
    )  # fmt: skip
    record: dict[str, Any] = json.loads(completed.stdout)
    return Ran(completed.returncode, record, completed.stdout + completed.stderr)


@contextmanager
def wrong_key(drills: Drills) -> Iterator[None]:
    """The repository's passphrase on the controller is another one."""
    secret = drills.lab.state / "secrets/pgbackrest_cipher"
    right = secret.read_text(encoding="utf-8")
    secret.write_text("0" * 32 + "\n", encoding="utf-8")
    try:
        yield
    finally:
        secret.write_text(right, encoding="utf-8")


@pytest.mark.parametrize("fault", ["wrong key", "silent store"])
def test_what_fails_before_the_stop_is_not_noticed_by_clients(
    drills: Drills, silent_store: Callable[[], AbstractContextManager[None]], tmp_path: Path, fault: str
) -> None:
    ran: list[Ran] = []

    def fail() -> None:
        with wrong_key(drills) if fault == "wrong key" else silent_store():
            ran.append(restore(drills))

    seen = under_load(drills.lab, tmp_path / "a.tsv", fail, wait_seconds=3)
    assert ran[0].code in (2, 3), ran[0].why()
    assert (seen.acknowledged > 0, seen.lost) == (True, 0)
    assert seen.outage_seconds < 5, ran[0].why()
    assert not [member for member in drills.lab.cluster() if member["state"] not in ("running", "streaming")]
    # A wrong key would have taken the place of the right one.
    drills.lab.playbook("backup_postgresql", variables={"backup_service": "main", "backup_type": "incr"})


@pytest.fixture
def written_last(drills: Drills, cold: str) -> Iterator[None]:
    """Rows that no backup has; only their WAL is archived."""
    drills.lab.playbook("backup_postgresql", variables={"backup_service": "main", "backup_type": "incr"})
    with drills.lab.service().connect() as connection:
        connection.execute("drop table if exists written_last")
        connection.execute(f"create table written_last tablespace {cold} as select generate_series(1, {ROWS}) as n")
    yield
    with drills.lab.service().connect() as connection:
        connection.execute("drop table written_last")


def put_back(drills: Drills, host: Callable[[str], Host]) -> None:
    """By the one command that the runbook names; then all is there, and nothing of the restore is left."""
    lab = drills.lab
    lab.playbook("put_back_postgresql", variables={"put_back_service": "main", "put_back_confirm": "postgresql_main"})
    lab.wait_for_members(len(DATABASE_HOSTS), timedelta(minutes=3))
    with lab.service().connect() as connection:
        assert connection.execute("select count(*) from written_last").fetchone() == (ROWS,)
    assert [
        name for name in DATABASE_HOSTS if host(name).run(f"ls --directory {ASIDE} {COLD}/*.before-restore").stdout
    ] == []
    wait_until_archived(host(lab.leader()))


@pytest.mark.usefixtures("written_last")
def test_a_backup_with_a_missing_file_is_put_back(
    drills: Drills, host: Callable[[str], Host], repository: Bucket, replaced: Callable[[str, bytes | None], Any]
) -> None:
    """It fails in *transfer*, when the old data has been set aside."""
    newest = backup_sets(drills.lab)[-1]["label"]
    files = repository.keys(f"pgbackrest/backup/main/{newest}/")
    of_data = [(size, key) for key, size in files if "backup.manifest" not in key]
    with replaced(max(of_data)[1], None):
        ran = restore(drills)
    assert ran.code == 3, ran.why()
    put_back(drills, host)


@pytest.fixture(scope="module")
def small(drills: Drills, host: Callable[[str], Host]) -> Iterator[Callable[[], None]]:
    """A tablespace on a file system of its own, with room for a second copy of what lies in it. Gives what fills that file system."""

    def everywhere(command: str) -> None:
        for name in DATABASE_HOSTS:
            host(name).check_output(command)

    psql = "runuser -u postgres -- psql -XAtq --command=%s postgres"
    everywhere(
        f"install --directory --owner postgres --group postgres --mode 0700 {SMALL}; "
        f"mount -t tmpfs -o size=64m,uid=postgres,gid=postgres,mode=0700 small {SMALL}"
    )
    # A unit sees what was mounted before it started.
    for name in DATABASE_HOSTS:
        host(name).check_output("systemctl restart patroni.service")
        drills.lab.wait_for_members(len(DATABASE_HOSTS), timedelta(minutes=3))
    host(drills.lab.leader()).check_output(psql, f"create tablespace small owner app location '{SMALL}'")
    with drills.lab.service().connect() as connection:
        connection.execute(f"create table filling tablespace small as select generate_series(1, {400 * ROWS}) as n")
    drills.lab.playbook("backup_postgresql", variables={"backup_service": "main", "backup_type": "incr"})
    yield lambda: everywhere(f"head --bytes=64M /dev/zero > {SMALL}/filler || true")
    with drills.lab.service().connect() as connection:
        assert connection.execute("select count(*) from filling").fetchone() == (400 * ROWS,)
        connection.execute("drop table filling")
    host(drills.lab.leader()).check_output(psql, "drop tablespace small")
    wait_until_archived(host(drills.lab.leader()))
    everywhere(f"umount --lazy {SMALL}")


def test_a_tablespace_without_room_is_refused_while_the_service_runs(
    drills: Drills, host: Callable[[str], Host], small: Callable[[], None]
) -> None:
    small()
    ran = restore(drills)
    for name in DATABASE_HOSTS:
        host(name).check_output(f"rm {SMALL}/filler")
    assert ran.code == 3, ran.why()
    assert f"no room for a second copy of what lies in {SMALL}" in ran.record["error"]["message"]
    assert not [member for member in drills.lab.cluster() if member["state"] not in ("running", "streaming")]


@pytest.mark.usefixtures("written_last")
def test_a_disk_that_fills_up_meanwhile_is_told_and_all_is_put_back(
    drills: Drills, host: Callable[[str], Host], small: Callable[[], None]
) -> None:
    with drills.when("transfer", small):
        ran = restore(drills)
    for name in DATABASE_HOSTS:
        host(name).check_output(f"rm {SMALL}/filler")
    assert ran.code == 3, ran.why()
    assert "No space left on device" in ran.record["error"]["message"]
    put_back(drills, host)


@pytest.mark.usefixtures("written_last")
def test_a_start_that_fails_is_put_back(drills: Drills, host: Callable[[str], Host]) -> None:
    def mode(bits: str) -> None:
        for name in DATABASE_HOSTS:
            host(name).check_output(f"chmod {bits} /usr/bin/patroni")

    try:
        with drills.when("start", lambda: mode("a-x")):
            ran = restore(drills)
    finally:
        mode("a+x")
    assert ran.code == 3, ran.why()
    put_back(drills, host)


@pytest.mark.usefixtures("written_last")
def test_a_copy_that_does_not_verify_can_be_given_up(drills: Drills, host: Callable[[str], Host]) -> None:
    """The restored cluster runs, but no client gets to it: the data that was set aside stays until it does."""
    balancer = host("lb1")
    try:
        with drills.when("verify", lambda: balancer.check_output("systemctl stop haproxy.service")):
            ran = restore(drills)
    finally:
        balancer.check_output("systemctl start haproxy.service")
    assert ran.code in (1, 3), ran.why()
    assert host(drills.lab.leader()).file(ASIDE).exists
    put_back(drills, host)


@pytest.fixture
def lost(drills: Drills) -> Iterator[None]:
    """An entry of the evidence log, and the keys that only drills have."""
    evidence, keys = drills.lab.state / "state/evidence", drills.lab.state / "secrets/object_store"
    gone = [
        *evidence.glob("000001-*"),
        *(keys / f"{user}.json" for user in ("auditor", "evidence_writer", "repository_reader")),
    ]
    kept = {path: (path.read_bytes(), path.stat().st_mode) for path in gone}
    for path in kept:
        path.unlink()
    yield
    for path, (body, mode) in kept.items():
        path.write_bytes(body)
        path.chmod(mode)
    drills.lab.run("drillbook", "evidence", "anchor")
    drills.assert_nothing_left()


@pytest.mark.usefixtures("lost")
def test_a_damaged_log_and_lost_keys_of_drills_stop_no_restore(drills: Drills) -> None:
    """It goes on, and says what it could not prove."""
    ran = restore(drills)
    assert ran.record["error"] is None, ran.why()
    assert (ran.code in (0, 1), ran.failed_checks()) == (True, []), ran.why()
    assert "not in the evidence log" in ran.output
    drills.lab.wait_for_members(len(DATABASE_HOSTS), timedelta(minutes=3))
