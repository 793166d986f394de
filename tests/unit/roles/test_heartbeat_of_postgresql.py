"""The heartbeat of a PostgreSQL service, on a server that is played: what counts as acknowledged, and what follows it."""

from __future__ import annotations

import base64
import json
import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SEED = "17" * 32
MOMENT = "2026-01-31T12:00:00.000000Z"
FINGERPRINT = {"name": "sums", "database": "drillbook", "query": "select 1 where t <= {moment}"}


class FakeError(Exception):
    """What psycopg2 raises."""


class Server:
    """One PostgreSQL server: the heartbeats that are in it, and what it does next."""

    def __init__(self) -> None:
        self.counter = 0
        self.recovering = False
        self.notice = ""
        self.broken = ""
        self.pruned = 0
        self.connections: list[Connection] = []
        self.fingerprints: list[tuple[str, str, str]] = []
        self.oldest_running = 100
        self.version = 170006

    def connect(self, dbname: str, options: str, **_options: object) -> Connection:
        self.connections.append(Connection(self, dbname, options))
        return self.connections[-1]


class Connection:
    """A connection, its cursor and its transaction in one."""

    def __init__(self, server: Server, database: str, options: str) -> None:
        self.server = server
        self.database = database
        self.options = options
        self.server_version = server.version
        self.said: list[str] = []
        self.notices: list[str] = []
        self.closed = False
        self.answer: tuple[Any, ...] = ()

    def cursor(self) -> Connection:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.server.notice:
            self.notices.append(self.server.notice)

    def close(self) -> None:
        self.closed = True

    def execute(self, query: str, values: tuple[Any, ...] = ()) -> None:
        server = self.server
        self.said.append(query)
        if server.broken and server.broken in query:
            raise FakeError(f"broken: {server.broken}")
        if "pg_is_in_recovery" in query:
            self.answer = (server.recovering,)
        elif "insert into drillbook.heartbeat" in query:
            server.counter += 1
            self.answer = (server.counter, MOMENT)
        elif "insert into drillbook.fingerprint" in query:
            server.fingerprints.append((values[0], values[1], values[2]))
        elif "delete from drillbook.heartbeat" in query:
            server.pruned += 1
        elif "pg_snapshot_xmax" in query:
            self.answer = (MOMENT, server.oldest_running)
        elif "pg_snapshot_xmin" in query:
            self.answer = (server.oldest_running,)
        elif "json_agg" in query:
            self.answer = ("[1]",)
        elif "pg_current_wal_insert_lsn" in query:
            self.answer = ("0/17",)

    def fetchone(self) -> tuple[Any, ...]:
        return self.answer


class World:
    """The agent on a server's host."""

    def __init__(self, modules: Callable[[str], ModuleType], directory: Path) -> None:
        self.server = Server()
        self.log = directory / "heartbeat-main.jsonl"
        self.published: list[dict[str, Any]] = []
        sys.modules["psycopg2"].connect = self.server.connect
        self.agent_module = modules("agent")
        self.kinds = modules("kinds")
        settings = {
            "service": "main", "kind": "postgresql", "host": "db1", "database": "drillbook", "user": "agent", "port": 5432,
            "socket_directory": "/run", "keep_hours": 24, "fingerprints": [FINGERPRINT], "fingerprint_interval_seconds": 15,
            "session": "-c its=own", "reader_session": "-c it=reads",
        }  # fmt: skip
        self.agent = self.agent_module.Agent(
            settings,
            {"password": "p", "signing_key": SEED},
            SimpleNamespace(publish=self.published.append),
            self.agent_module.AcknowledgedLog(self.log, host="db1"),
            directory / "begun",
        )

    def acknowledged(self) -> list[int]:
        return [json.loads(line)["counter"] for line in self.log.read_text().splitlines()] if self.log.exists() else []


@pytest.fixture
def world(agent_modules: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    fake = ModuleType("psycopg2")
    fake.Error = FakeError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "psycopg2", fake)
    return World(agent_modules, tmp_path)


def test_on_a_primary_each_heartbeat_is_logged_and_the_newest_is_published(world: World) -> None:
    world.agent.beat()
    world.agent.beat()
    world.agent.publish()
    assert world.acknowledged() == [1, 2]
    assert world.published == [{"counter": 2, "written_at": MOMENT}]
    assert len(world.server.connections) == 1


def test_it_writes_at_once_whatever_an_earlier_agent_has_logged(world: World, tmp_path: Path) -> None:
    """A server that was restored is not held up by a store that does not answer: its counter stands in its rows."""
    world.log.write_text(json.dumps({"counter": 99, "written_at": MOMENT}) + "\n")
    (tmp_path / "begun").unlink()
    again = world.agent_module.Agent(
        world.agent.driver.settings, {"password": "p", "signing_key": SEED}, world.agent.publisher, world.agent.log, tmp_path / "begun"
    )  # fmt: skip
    again.publish()
    assert world.published == []
    again.beat()
    assert again.newest == {"counter": 1, "written_at": MOMENT}


def test_where_the_server_is_no_primary_nothing_is_written_and_nothing_published(world: World) -> None:
    world.agent.beat()
    world.server.recovering = True
    world.agent.beat()
    world.agent.publish()
    assert world.acknowledged() == [1]
    assert world.published == []


def test_a_commit_that_waited_in_vain_is_not_acknowledged(world: World) -> None:
    """It is there, and might be lost: neither the log nor the store may promise it."""
    world.agent.beat()
    world.server.notice = "WARNING: canceling wait for synchronous replication due to user request\n"
    with pytest.raises(world.kinds.NotAcknowledgedError, match="heartbeat 2 not acknowledged: WARNING: canceling"):
        world.agent.beat()
    world.agent.publish()
    assert (world.acknowledged(), world.published[-1]["counter"]) == ([1], 1)
    world.server.notice = ""
    world.agent.beat()
    assert world.acknowledged() == [1, 3]
    assert len(world.server.connections) == 1


def test_after_an_error_the_next_connection_is_a_new_one(world: World) -> None:
    world.server.broken = "insert into drillbook.heartbeat"
    with pytest.raises(FakeError):
        world.agent.beat()
    assert world.server.connections[0].closed
    world.server.broken = ""
    world.agent.beat()
    assert (world.acknowledged(), len(world.server.connections)) == ([1], 2)


def test_what_is_removed_late_or_not_at_all_takes_no_heartbeat_back(world: World) -> None:
    world.server.counter = 499
    world.server.broken = "delete from drillbook.heartbeat"
    with pytest.raises(FakeError):
        world.agent.beat()
    world.agent.publish()
    assert (world.acknowledged(), world.published[-1]["counter"]) == ([500], 500)
    world.server.broken = ""
    world.agent.beat()
    assert world.server.pruned == 0
    world.server.counter = 999
    world.agent.beat()
    assert world.server.pruned == 1


def test_fingerprints_are_taken_by_a_primary_alone_and_signed(world: World) -> None:
    (chore,) = world.agent.driver.chores()
    assert (chore.seconds, chore.failing) == (15, "no fingerprint")
    chore.work()
    assert world.server.connections == []
    world.agent.beat()
    chore.work()
    assert world.server.fingerprints == []
    chore.work()
    ((name, document, signature),) = world.server.fingerprints
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(SEED)).public_key()
    key.verify(base64.b64decode(signature), document.encode())
    taken = json.loads(document)
    assert (name, taken["service"], taken["moment"], taken["lsn"], taken["result"]) == (
        "sums",
        "main",
        MOMENT,
        "0/17",
        "[1]",
    )
    assert f"'{MOMENT}'::timestamptz" in taken["statement"]


def test_what_a_server_of_this_version_knows_is_set_in_each_session(world: World) -> None:
    """Options that a server does not know would be refused, so these come after the login."""
    world.agent.beat()
    world.server.version = 150004
    world.agent.driver.connect("drillbook")
    world.server.version = 130001
    world.agent.driver.connect("drillbook")
    newest, older, oldest = (
        [said for said in connection.said if said.startswith("set ")] for connection in world.server.connections
    )
    assert newest == ["set idle_session_timeout to 0", "set transaction_timeout to 0"]
    assert (older, oldest) == (newest[:1], [])


def test_what_others_own_is_read_by_a_session_that_may_not_write(world: World) -> None:
    world.agent.driver.settings["fingerprints"] = [FINGERPRINT, {**FINGERPRINT, "database": "app"}]
    world.agent.beat()
    world.agent.driver.fingerprint()
    world.agent.driver.fingerprint()
    sessions = {(connection.database, connection.options) for connection in world.server.connections}
    assert sessions == {("drillbook", "-c its=own"), ("app", "-c it=reads")}
    assert len(world.server.fingerprints) == 2


def test_fingerprints_wait_for_transactions_from_before_their_moment(world: World) -> None:
    world.agent.beat()
    world.agent.driver.fingerprint()
    world.server.oldest_running = 99
    world.agent.driver.fingerprint()
    assert world.server.fingerprints == []


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("hindrance", ["a transaction that never ends", "rows that are hidden"])
def test_an_agent_that_takes_no_fingerprints_any_more_gives_the_alarm(
    world: World, caplog: pytest.LogCaptureFixture, hindrance: str
) -> None:
    world.agent.beat()
    for _turn in range(3):
        world.agent.driver.fingerprint()
    taken = len(world.server.fingerprints)
    if hindrance == "rows that are hidden":
        world.server.broken = "json_agg"
    else:
        world.server.oldest_running = 99
    for _turn in range(3):
        world.agent.driver.fingerprint()
    assert alarms(caplog) == []
    world.agent.driver.fingerprint()
    assert alarms(caplog) == ["alarm: 3 turns without a fingerprint of each query; no restore can be held against one"]
    assert len(world.server.fingerprints) == taken
    world.server.broken, world.server.oldest_running = "", 100
    for _turn in range(3):
        world.agent.driver.fingerprint()
    assert len(alarms(caplog)) == 2


def test_a_failure_of_the_database_is_said_and_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    turns = iter([FakeError("no server\nDETAIL"), SystemExit()])

    def work() -> None:
        raise next(turns)

    monkeypatch.setattr(world.agent_module.time, "sleep", lambda _seconds: None)
    with pytest.raises(SystemExit):
        world.agent_module.repeat(world.kinds.Chore(work, 1, "no heartbeat"), world.agent.driver.failures)
    assert caplog.messages == ["no heartbeat: no server"]
