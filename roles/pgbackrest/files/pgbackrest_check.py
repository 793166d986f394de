#!/usr/bin/python3
"""Watch over a WAL archive: fail when WAL was dropped, when the archive is behind or when the newest backup is old.

pgBackRest reports a dropped segment as archived, and its ``info`` and ``verify`` notice no gap. So the watch compares what
PostgreSQL believes to be archived with the names that lie in the repository, from the start of the newest backup on: is
each there, the newest backup can be rolled forward to the present. It writes a textfile metric and exits 1 on an alarm;
where the local server is not the leader it does nothing and exits 0. Standard library only; runs as postgres. Its unit's
``PGOPTIONS`` say what its sessions set for themselves.
"""

import argparse
import json
import logging
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

# One row of JSON, so that nothing has to be split. The history of timeline 1 does not exist.
STATE_QUERY = """
select json_build_object(
  'leader', not pg_is_in_recovery(),
  'segment_bytes', (select setting::bigint from pg_settings where name = 'wal_segment_size'),
  'archive_mode', current_setting('archive_mode'),
  'last_archived', (select last_archived_wal from pg_stat_archiver),
  'failing', (select coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) from pg_stat_archiver),
  'failed_count', (select failed_count from pg_stat_archiver),
  'ready', (select count(*) from pg_ls_archive_statusdir() where name ~ '^[0-9A-F]{24}[.]ready$'),
  'ready_seconds', (select coalesce(extract(epoch from clock_timestamp() - min(modification)), 0)
                    from pg_ls_archive_statusdir() where name ~ '^[0-9A-F]{24}[.]ready$'))
"""
logger = logging.getLogger("pgbackrest_check")

SEGMENT = re.compile(r"([0-9A-F]{24})-[0-9a-f]{40}(\.(gz|lz4|zst|bz2))?")


PGBACKREST = ["/usr/bin/pgbackrest", "--output=json", "--io-timeout=15"]


def run(command: list[str]) -> str:
    """Return a command's output; raises CalledProcessError or TimeoutExpired."""
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout


def query(options: argparse.Namespace, statement: str) -> str:
    """Return the one value of a query to the local server."""
    return run(
        [
            "/usr/bin/psql", "--no-psqlrc", "--tuples-only", "--no-align", f"--host={options.socket_directory}",
            f"--port={options.port}", f"--command={statement}", "postgres",
        ]
    ).strip()  # fmt: skip


def number(name: str, per_log: int) -> int:
    """Return the position of a segment in the stream of WAL, whatever its timeline."""
    return int(name[8:16], 16) * per_log + int(name[16:24], 16)


def timeline_starts(history: str, timeline: int, segment_bytes: int) -> list[tuple[int, int]]:
    """Return (first segment number, timeline) of each timeline in a history file, oldest first."""
    starts, first = [], 0
    for line in history.splitlines():
        match = re.match(r"\s*(\d+)\s+([0-9A-F]+)/([0-9A-F]+)", line)
        if match:
            starts.append((first, int(match[1])))
            first = ((int(match[2], 16) << 32) + int(match[3], 16)) // segment_bytes
    return [*starts, (first, timeline)]


def expected_segments(first: str, last: str, history: str, segment_bytes: int) -> list[str]:
    """Return the names that must be in the archive from ``first`` to ``last`` along the timelines of ``last``."""
    per_log = (1 << 32) // segment_bytes
    starts = timeline_starts(history, int(last[:8], 16), segment_bytes)
    names = []
    for position in range(number(first, per_log), number(last, per_log) + 1):
        timeline = max(line for start, line in starts if start <= position)
        names.append(f"{timeline:08X}{position // per_log:08X}{position % per_log:08X}")
    return names


def archived_names(options: argparse.Namespace, archive_id: str, expected: list[str]) -> set[str]:
    """List only the directories of the repository in which an expected segment would lie."""
    found: set[str] = set()
    for directory in sorted({name[:16] for name in expected}):
        listing = run([*PGBACKREST, "repo-ls", f"archive/{options.stanza}/{archive_id}/{directory}"])
        found.update(match[1] for name in json.loads(listing) if (match := SEGMENT.fullmatch(name)))
    return found


def newest_backup(options: argparse.Namespace) -> dict[str, Any] | None:
    """Return the newest usable backup of ``pgbackrest info``."""
    stanzas = json.loads(run([*PGBACKREST, f"--stanza={options.stanza}", "info"]))
    backups = [backup for stanza in stanzas for backup in stanza["backup"] if not backup.get("error")]
    return max(backups, key=lambda backup: backup["timestamp"]["stop"], default=None)


def missing_segments(options: argparse.Namespace, state: dict[str, Any], backup: dict[str, Any]) -> list[str]:
    """Return what PostgreSQL believes to be archived and the repository does not hold."""
    last = (state["last_archived"] or "")[:24]
    if not re.fullmatch("[0-9A-F]{24}", last):
        return []
    timeline, history = int(last[:8], 16), ""
    if timeline > 1:
        history = query(options, f"select pg_read_file('pg_wal/{timeline:08X}.history')")
    expected = expected_segments(backup["archive"]["start"], last, history, state["segment_bytes"])
    found = archived_names(options, newest_archive_id(options), expected)
    return [name for name in expected if name not in found]


def newest_archive_id(options: argparse.Namespace) -> str:
    """Return the directory of the present incarnation in the archive, ``17-1`` for example."""
    listing = json.loads(run([*PGBACKREST, "repo-ls", f"archive/{options.stanza}"]))
    ids = [name for name in listing if re.fullmatch(r"\d+-\d+", name)]
    return max(ids, key=lambda name: int(name.split("-")[1]))


def write_metrics(path: Path, values: dict[str, float]) -> None:
    """Replace the textfile in one step, readable by the exporter."""
    text = "".join(f"# TYPE {name} gauge\n{name} {value}\n" for name, value in sorted(values.items()))
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text)
    temporary.chmod(0o644)
    temporary.replace(path)


def look_at_server(options: argparse.Namespace, state: dict[str, Any]) -> tuple[list[str], dict[str, float]]:
    """Return the alarms and metrics that need no repository."""
    alarms = []
    if state["archive_mode"] == "off":
        alarms.append("archive_mode is off: nothing is archived")
    if state["ready_seconds"] > options.behind_seconds or state["ready"] > options.behind_segments:
        alarms.append(
            f"the archive is behind: {state['ready']} segment(s) wait, the oldest for {state['ready_seconds']:.0f} s"
        )
    return alarms, {
        "drillbook_pgbackrest_leader": 1,
        "drillbook_pgbackrest_archive_waiting_segments": state["ready"],
        "drillbook_pgbackrest_archive_waiting_seconds": round(state["ready_seconds"], 1),
        "drillbook_pgbackrest_archive_failing": int(state["failing"]),
        "drillbook_pgbackrest_checked_timestamp_seconds": round(time.time()),
    }


def look_at_repository(options: argparse.Namespace, state: dict[str, Any]) -> tuple[list[str], dict[str, float]]:
    """Return the alarms and metrics of what the repository holds, or the alarm that it does not answer."""
    try:
        backup = newest_backup(options)
        missing = missing_segments(options, state, backup) if backup else []
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        reason = (getattr(error, "stderr", None) or "no answer in time").strip().splitlines()[0]
        return [f"the repository can't be asked: {reason}"], {}
    alarms = []
    if missing:
        alarms.append(
            f"{len(missing)} segment(s) dropped or lost since the newest backup, first {missing[0]}: point-in-time recovery"
            " is broken there; take a backup now"
        )
    age = time.time() - backup["timestamp"]["stop"] if backup else float("inf")
    if age > options.backup_age_hours * 3600:
        alarms.append("no usable backup" if backup is None else f"the newest backup is {age / 3600:.1f} hours old")
    return alarms, {
        "drillbook_pgbackrest_archive_missing_segments": len(missing),
        "drillbook_pgbackrest_newest_backup_timestamp_seconds": backup["timestamp"]["stop"] if backup else 0,
    }


def main() -> int:
    """Look once; 0 is good or not the leader, 1 an alarm, also when the archive cannot be asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stanza", required=True)
    parser.add_argument("--socket-directory", required=True)
    parser.add_argument("--port", type=int, default=5432)
    parser.add_argument("--behind-seconds", type=float, required=True)
    parser.add_argument("--behind-segments", type=int, required=True)
    parser.add_argument("--backup-age-hours", type=float, required=True)
    parser.add_argument("--metrics", type=Path, required=True)
    options = parser.parse_args()
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    try:
        state = json.loads(query(options, STATE_QUERY))
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        state = {"leader": False}
    if not state["leader"]:
        logger.info("drillbook: not the leader, nothing to watch")
        write_metrics(options.metrics, {"drillbook_pgbackrest_leader": 0})
        return 0
    alarms, values = look_at_server(options, state)
    more_alarms, more_values = look_at_repository(options, state)
    alarms += more_alarms
    for alarm in alarms:
        logger.error("drillbook: %s", alarm)
    write_metrics(options.metrics, {**values, **more_values, "drillbook_pgbackrest_alarms": len(alarms)})
    return 1 if alarms else 0


if __name__ == "__main__":
    sys.exit(main())
