"""Wait until a PostgreSQL server has really ended its recovery, or say why it has not."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: postgresql_recovery
short_description: Wait for the true end of a PostgreSQL recovery
description:
  - A start that waits (C(pg_ctl -w start)) returns at the first consistent state; an unreachable recovery target
    ends the server only afterwards. This module returns when the server has left recovery, and fails with the
    server's own words when its unit stops before that, or when the replay pauses.
  - A replay that meets settings which its server is too small for ends it early without a failure. RV(outgrown) says so.
options:
  unit:
    description: The systemd unit that runs the server.
    type: str
    required: true
  socket_directory:
    description: Directory of the server's private socket.
    type: path
    required: true
  port:
    description: Port in the socket's name.
    type: int
    default: 5432
  user:
    description: Database role to connect as (peer or trust on the private socket).
    type: str
    default: postgres
  log_file:
    description: The server's log; its FATAL lines explain a failure.
    type: path
    required: true
  data_directory:
    description: The server's data; a full disk under it is named as the cause of a failure.
    type: path
    required: true
  timeout_seconds:
    description: How long the replay may take.
    type: int
    required: true
author: drillbook
"""

RETURN = """
timeline:
  description: Timeline after the promotion.
  type: int
  returned: success
replayed_lsn:
  description: Last location that was replayed.
  type: str
  returned: success
last_commit_at:
  description: Commit time of the last replayed transaction, RFC 3339; empty when none was replayed.
  type: str
  returned: success
outgrown:
  description: >-
    What the server said of settings that the origin raised after the backup; empty when recovery has ended. They are in the control file.
  type: str
  returned: success
log_tail:
  description: Last lines of the server's log about recovery.
  type: list
  elements: str
  returned: always
"""

POLL_SECONDS = 0.2
LEAST_FREE_BYTES = 2 * 16 * 1024**2
"""Two segments of the usual size: with less, the next one does not fit, and restore_command fails."""

QUERY = """
select pg_is_in_recovery(),
       coalesce(pg_last_wal_replay_lsn()::text, ''),
       coalesce(to_char(pg_last_xact_replay_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), ''),
       (select timeline_id from pg_control_checkpoint()),
       coalesce(substr(pg_walfile_name(
           case when pg_is_in_recovery() then null else pg_current_wal_lsn() end), 1, 8), ''),
       case when pg_is_in_recovery() then pg_is_wal_replay_paused() else false end
"""
OUTGROWN = "insufficient parameter settings"
"""In the line of a hot standby that met greater values than its own in the replay (PostgreSQL: CheckRequiredParameterValues)."""


# What no waiting mends, in the server's own words (lc_messages is C), and what to do about it.
HOPELESS = (
    (r'role ".+" does not exist', "Name the cluster's superuser in postgresql_superuser."),
    (
        r'database ".+" does not exist',
        "The checks need the database postgres: make it in the cluster, and take a backup.",
    ),
    (
        "locale is incompatible",
        "Make this locale on the sandbox or in its template (Debian: /etc/locale.gen, locale-gen).",
    ),
)


class HopelessError(Exception):
    """The server is up, and will never let this module ask it."""


def refuse_hopeless(message: str) -> None:
    """Raise HopelessError for a refusal of the server that does not pass by itself."""
    for words, remedy in HOPELESS:
        if re.search(words, message):
            raise HopelessError(f"{' '.join(message.split())} {remedy}")


def unit_stopped(unit: str) -> bool:
    """True when systemd has given the unit up or it has ended."""
    answer = subprocess.run(
        ["/usr/bin/systemctl", "is-active", unit], capture_output=True, text=True, timeout=10, check=False
    )
    return answer.stdout.strip() in ("failed", "inactive")


def log_lines(path: str) -> list[str]:
    """The log's last lines about the recovery and its failure."""
    words = ("FATAL", "PANIC", "ERROR", "HINT", "No space", "recovery", "redo", "restored log", "last completed")
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        return [f"{path}: {error.strerror}"]
    # Who knocks while it starts says nothing about why it did not.
    return [line for line in lines if any(word in line for word in words) and "is starting up" not in line][-20:]


class Seen(NamedTuple):
    """One look at the server."""

    in_recovery: bool
    replayed_lsn: str
    last_commit_at: str
    checkpoint_timeline: int
    timeline: str
    paused: bool


def ask(socket_directory: str, port: int, user: str) -> Seen | None:
    """Look at the server; None while it does not accept connections. Raises HopelessError where it never will."""
    import psycopg2  # noqa: PLC0415 -- it is on the managed host, not where documentation and lint read this

    try:
        connection = psycopg2.connect(host=socket_directory, port=port, user=user, dbname="postgres", connect_timeout=5)
    except psycopg2.OperationalError as error:
        refuse_hopeless(str(error))
        return None
    try:
        with connection.cursor() as cursor:
            cursor.execute(QUERY)
            row = cursor.fetchone()
    except psycopg2.Error:
        return None
    finally:
        connection.close()
    return Seen(*row)


def outgrown(path: str) -> str:
    """What the server said of settings that are too small for the replay: the line, and the detail that names the setting."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    said = [at for at, line in enumerate(lines) if OUTGROWN in line]
    return " ".join(line.strip() for line in lines[said[-1] : said[-1] + 2]) if said else ""


def failure(module: AnsibleModule, reason: str) -> None:
    """End with the server's own words: what restore_command complained of, and its FATAL lines, come first."""
    tail = log_lines(module.params["log_file"])
    fatal = [line for line in tail if any(word in line for word in ("FATAL", "PANIC", "ERROR: [", "No space"))]
    free = shutil.disk_usage(module.params["data_directory"]).free
    if free < LEAST_FREE_BYTES:
        reason = f"{reason}, and the disk under {module.params['data_directory']} is full ({free} bytes free)"
    module.fail_json(msg=f"{reason}: {' / '.join(fatal[-3:] or tail[-3:]) or 'its log is empty'}", log_tail=tail)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "str", "required": True},
            "socket_directory": {"type": "path", "required": True},
            "port": {"type": "int", "default": 5432},
            "user": {"type": "str", "default": "postgres"},
            "log_file": {"type": "path", "required": True},
            "data_directory": {"type": "path", "required": True},
            "timeout_seconds": {"type": "int", "required": True},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    deadline = time.monotonic() + wanted["timeout_seconds"]
    while time.monotonic() < deadline:
        try:
            seen = ask(wanted["socket_directory"], wanted["port"], wanted["user"])
        except HopelessError as error:
            module.fail_json(msg=f"the restored server can't be asked: {error}", log_tail=log_lines(wanted["log_file"]))
        if seen is not None and not seen.in_recovery:
            module.exit_json(
                changed=False,
                outgrown="",
                replayed_lsn=seen.replayed_lsn,
                last_commit_at=seen.last_commit_at,
                timeline=int(seen.timeline, 16) if seen.timeline else seen.checkpoint_timeline,
                log_tail=log_lines(wanted["log_file"]),
            )
        stopped = seen is None and unit_stopped(wanted["unit"])
        if stopped or (seen is not None and seen.paused):
            if said := outgrown(wanted["log_file"]):
                module.exit_json(changed=False, outgrown=said, log_tail=log_lines(wanted["log_file"]))
            failure(module, "PostgreSQL stopped before recovery ended" if stopped else "the replay has paused")
        time.sleep(POLL_SECONDS)
    failure(module, f"recovery did not end within {wanted['timeout_seconds']} s")


if __name__ == "__main__":
    main()
