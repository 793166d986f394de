"""Heartbeats and fingerprints of a PostgreSQL service.

A heartbeat is a row with a counter (the greatest plus one, no sequence: those jump after a crash) and the server's own
clock, written where the local server is the primary.
"""

from __future__ import annotations

import base64
import json
import logging
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import psycopg2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kinds import AnyHeartbeat, Beat, Chore, NotAcknowledgedError, Start

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger("heartbeat")

TABLES = """
create schema if not exists drillbook;
create table if not exists drillbook.heartbeat (
    counter bigint primary key, written_at timestamptz not null, host text not null);
create table if not exists drillbook.fingerprint (
    id bigint generated always as identity primary key, name text not null, document text not null,
    signature text not null, taken_at timestamptz not null);
"""
BEAT = """
insert into drillbook.heartbeat (counter, written_at, host)
select coalesce(max(counter), 0) + 1, clock_timestamp(), %s from drillbook.heartbeat
returning counter, to_char(written_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
"""
# By counter and never the newest: what stays is unbroken, whatever the clock did.
PRUNE = """
delete from drillbook.heartbeat
where counter <= (select max(counter) from drillbook.heartbeat
                  where written_at < clock_timestamp() - make_interval(hours => %s))
and counter < (select max(counter) from drillbook.heartbeat)
"""
PRUNE_EVERY_BEATS = 500
LATE_AFTER_TURNS = 3
MOMENT = """
select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint
"""
STORE_FINGERPRINT = """
insert into drillbook.fingerprint (name, document, signature, taken_at) values (%s, %s, %s, clock_timestamp())
"""
PRUNE_FINGERPRINTS = "delete from drillbook.fingerprint where taken_at < clock_timestamp() - make_interval(hours => %s)"
# What settings["session"] says for every version; these are refused by servers that do not know them.
SINCE = ((140000, "set idle_session_timeout to 0"), (170000, "set transaction_timeout to 0"))
# The answer as text that the server itself writes, so that whoever asks again compares text with text.
ANSWER = "select coalesce(json_agg(answer), '[]')::text from ({query}) answer"
RENDERING = """
set local timezone to 'UTC'; set local datestyle to 'ISO'; set local intervalstyle to 'postgres';
set local bytea_output to 'hex'; set local extra_float_digits to 3
"""


class Heartbeat(AnyHeartbeat):
    """Writes rows, and signed answers of the declared queries, where the local server is the primary.

    ``primary`` is true from an acknowledged heartbeat on, until the server is found to be none.
    """

    failures = (psycopg2.Error,)

    def __init__(self, settings: dict[str, Any], secrets: dict[str, str], _start: Start) -> None:
        self.settings = settings
        self.password = secrets["password"]
        self.connection: Any = None
        self.prepared = False
        self.primary = False
        self.moment: tuple[str, int] | None = None
        self.missed = 0
        self.key = (
            Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secrets["signing_key"]))
            if settings["fingerprints"]
            else None
        )

    def connect(self, database: str, session: str = "session") -> Any:
        """A local connection, through the socket; ``session`` names the setting with its options.

        Options outrank what the database and the role set: nothing may cut a commit's wait for its standby short, hide its
        warning or rows, or put other functions and operators before the server's own.
        """
        wanted = self.settings
        connection = psycopg2.connect(
            host=wanted["socket_directory"],
            port=wanted["port"],
            dbname=database,
            user=wanted["user"],
            password=self.password,
            connect_timeout=5,
            application_name="drillbook-heartbeat",
            options=wanted[session],
        )
        for since, statement in SINCE:
            if connection.server_version >= since:
                with connection, connection.cursor() as cursor:
                    cursor.execute(statement)
        return connection

    @contextmanager
    def connected(self) -> Iterator[Any]:
        """The connection of the heartbeats; after an error the next one is a new one."""
        try:
            if self.connection is None:
                self.connection = self.connect(self.settings["database"])
                self.prepared = False
            yield self.connection
        except psycopg2.Error:
            if self.connection is not None:
                self.connection.close()
                self.connection = None
            raise

    def beat(self) -> Beat | None:
        """Write one heartbeat where the server is the primary; it counts once it is acknowledged."""
        with self.connected() as connection:
            with connection, connection.cursor() as cursor:
                cursor.execute("select pg_is_in_recovery()")
                if cursor.fetchone()[0]:
                    self.primary = False
                    return None
                if not self.prepared:
                    cursor.execute(TABLES)
                cursor.execute(BEAT, (self.settings["host"],))
                counter, written_at = cursor.fetchone()
                del connection.notices[:]
            self.prepared = True
            # The only notice that a commit can bring is the warning that its wait for the standby was cancelled: then it is
            # committed here alone, and not acknowledged.
            if connection.notices:
                raise NotAcknowledgedError(f"heartbeat {counter} not acknowledged: {connection.notices[-1].strip()}")
        self.primary = True
        return {"counter": counter, "written_at": written_at}

    def tidy(self, newest: Beat) -> None:
        """Remove now and then what is older than is kept."""
        if newest["counter"] % PRUNE_EVERY_BEATS == 0:
            with self.connected() as connection, connection, connection.cursor() as cursor:
                cursor.execute(PRUNE, (self.settings["keep_hours"],))
                cursor.execute(PRUNE_FINGERPRINTS, (self.settings["keep_hours"],))

    def chores(self) -> list[Chore]:
        """Fingerprints, where any are declared."""
        if not self.settings["fingerprints"]:
            return []
        return [Chore(self.fingerprint, self.settings["fingerprint_interval_seconds"], "no fingerprint")]

    def fingerprint(self) -> None:
        """Answer the declared queries up to the moment noted one interval ago, sign the answers and keep them.

        The moment settles first: a transaction that was under way then could still commit a row that is older than it, so
        the queries wait until each such transaction has ended. From then on the rows up to the moment are what every
        restore to the noted location, or to a later one, must hold.
        """
        if not self.primary:
            self.moment, self.missed = None, 0
            return
        self.missed += 1
        if self.missed > LATE_AFTER_TURNS:
            logger.error(
                "alarm: %s turns without a fingerprint of each query; no restore can be held against one",
                self.missed - 1,
            )
        with closing(self.connect(self.settings["database"])) as home:
            with home, home.cursor() as cursor:
                cursor.execute(MOMENT)
                upcoming = cursor.fetchone()
                cursor.execute("select pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
                oldest_running = cursor.fetchone()[0]
            if self.moment is not None and oldest_running < self.moment[1]:
                logger.warning("fingerprints wait for a transaction from before %s", self.moment[0])
                return
            failed = False
            for wanted in self.settings["fingerprints"] if self.moment is not None else []:
                try:
                    self.take(home, wanted, self.moment[0])
                except psycopg2.Error as error:
                    failed = True
                    logger.warning("no fingerprint %s: %s", wanted["name"], str(error).strip().splitlines()[0])
            if self.moment is not None and not failed:
                self.missed = 0
            self.moment = upcoming

    def take(self, home: Any, wanted: dict[str, str], moment: str) -> None:
        """Answer one query and note the location in one snapshot; in the agent's own database it is stored in it too."""
        own = wanted["database"] == self.settings["database"]
        source = home if own else self.connect(wanted["database"], "reader_session")
        try:
            with source, source.cursor() as cursor:
                row = self.answer(cursor, wanted, moment)
                if own:
                    cursor.execute(STORE_FINGERPRINT, row)
        finally:
            if not own:
                source.close()
        if not own:
            with home, home.cursor() as cursor:
                cursor.execute(STORE_FINGERPRINT, row)

    def answer(self, cursor: Any, wanted: dict[str, str], moment: str) -> tuple[str, str, str]:
        """Name, document and signature: the key is outside the database, so nobody in it can make one up."""
        cursor.execute("set transaction isolation level repeatable read")
        cursor.execute(RENDERING)
        statement = ANSWER.format(query=wanted["query"].replace("{moment}", f"'{moment}'::timestamptz"))
        cursor.execute(statement)
        result = cursor.fetchone()[0]
        cursor.execute("select pg_current_wal_insert_lsn()::text")
        document = json.dumps(
            {
                "schema": "drillbook.fingerprint/1",
                "service": self.settings["service"],
                "name": wanted["name"],
                "database": wanted["database"],
                "statement": statement,
                "result": result,
                "lsn": cursor.fetchone()[0],
                "moment": moment,
            }
        )
        return wanted["name"], document, base64.b64encode(self.key.sign(document.encode())).decode()
