"""The writer itself: one row per commit through the service's own path, reconnecting for as long as it takes."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drillbook_lab.traffic.acknowledged import AcknowledgedCommits

TABLE = """
create table if not exists load_commits (
    number bigint primary key,
    written_at timestamptz not null default clock_timestamp(),
    filler text not null
)
"""
INSERT = "insert into load_commits (number, filler) values (%s, repeat(md5(%s::text), 8))"
RETRY_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """How to reach the service; the password stays in its file until the connection is made."""

    host: str
    port: int
    database: str
    user: str
    password_file: Path
    ca_file: Path

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Open a verified TLS connection.

        Raises psycopg.OperationalError within about two seconds when nothing answers. No statement timeout is set: a
        cancelled wait for a standby would be a local commit that looks like a failure.
        """
        return psycopg.connect(
            host=self.host,
            port=self.port,
            dbname=self.database,
            user=self.user,
            password=self.password_file.read_text(encoding="utf-8").strip(),
            sslmode="verify-full",
            sslrootcert=str(self.ca_file),
            connect_timeout=2,
            tcp_user_timeout=1000,
            autocommit=True,
        )


class _Notices:
    """Remembers whether the server warned since it was last asked."""

    def __init__(self) -> None:
        self.warned = False

    def hear(self, notice: psycopg.errors.Diagnostic) -> None:
        self.warned = self.warned or notice.severity_nonlocalized == "WARNING"


def write_until_stopped(
    settings: ConnectionSettings,
    acknowledged: AcknowledgedCommits,
    stopped: Callable[[], bool],
    pause_seconds: float = 0.01,
) -> int:
    """Write rows until `stopped()`; return how many were acknowledged. Connection errors are waited out."""
    with closing(acknowledged):
        return _write(settings, acknowledged, stopped, pause_seconds)


def _write(
    settings: ConnectionSettings, acknowledged: AcknowledgedCommits, stopped: Callable[[], bool], pause_seconds: float
) -> int:
    number, count = acknowledged.next_number(), 0
    while not stopped():
        try:
            with settings.connect() as connection:
                notices = _Notices()
                connection.add_notice_handler(notices.hear)
                connection.execute(TABLE)
                while not stopped():
                    number += 1
                    notices.warned = False
                    connection.execute(INSERT, (number, number))
                    if not notices.warned:  # "canceling wait for synchronous replication": committed here only
                        acknowledged.append(number, time.monotonic())
                        count += 1
                    time.sleep(pause_seconds)
        except psycopg.Error:
            number += 1
            time.sleep(RETRY_SECONDS)
    return count


def count_lost(settings: ConnectionSettings, acknowledged: AcknowledgedCommits) -> tuple[int, int]:
    """Return (acknowledged, acknowledged but not found in the database).

    Raises psycopg.Error when the database cannot be read: unknown is never zero.
    """
    told = {entry.number for entry in acknowledged.read()}
    with settings.connect() as connection:
        found = {row[0] for row in connection.execute("select number from load_commits")}
    return len(told), len(told - found)
