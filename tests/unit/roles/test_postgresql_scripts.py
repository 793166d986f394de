"""The scripts that the server calls while it archives and recovers, run by the shell they are written for."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

TEMPLATES = Path(__file__).parents[3] / "roles/postgresql/templates/usr/local/sbin"
SEGMENT_BYTES = 16 * 1024 * 1024
NOT_IN_THE_ARCHIVE = 1
# Timeline 2 began inside segment 7 of timeline 1, timeline 3 at the very beginning of segment 9 of timeline 2.
HISTORY = "1\t0/7000100\tno recovery target specified\n\n2\t0/9000000\tno recovery target specified\n"


@pytest.fixture
def wal(tmp_path: Path) -> Path:
    """The server's pg_wal, with the history that it stands on and an older one."""
    directory = tmp_path / "pg_wal"
    (directory / "archive_status").mkdir(parents=True)
    (directory / "00000002.history").write_text(HISTORY.splitlines()[0] + "\n")
    (directory / "00000003.history").write_text(HISTORY)
    return directory


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., int]:
    """Runs a script of the role with its arguments; the archive is a directory, and asking it leaves the file `asked`."""
    archive = tmp_path / "archive"
    archive.mkdir()

    def run(name: str, *arguments: object) -> int:
        template = jinja2.Template((TEMPLATES / f"{name}.j2").read_text(encoding="utf-8"))
        path = tmp_path / name
        path.write_text(
            template.render(
                postgresql_restore_command=f'{tmp_path}/get %f "%p"',
                __postgresql_switchover_file=tmp_path / "switchover",
                __postgresql_data_directory=tmp_path,
                __postgresql_bin_directory=tmp_path,
            )
        )
        get = tmp_path / "get"
        get.write_text(f'#!/bin/sh\ntouch {tmp_path}/asked\ncp {archive}/"$1" "$2" 2>/dev/null\n')
        get.chmod(0o755)
        return subprocess.run(["/bin/sh", str(path), *map(str, arguments)], check=False, timeout=10).returncode

    return run


def segment(directory: Path, name: str) -> Path:
    """An empty file of a segment's size."""
    path = directory / name
    with path.open("wb") as file:
        file.truncate(SEGMENT_BYTES)
    return path


@pytest.mark.parametrize(
    ("name", "left_over"),
    [
        ("000000010000000000000006", False),
        ("000000010000000000000007", True),
        ("000000010000000000000008", True),
        ("000000010000000100000001", True),
        ("000000020000000000000008", False),
        ("000000020000000000000009", True),
        ("000000030000000000000009", False),
    ],
)
def test_what_an_ended_timeline_left_behind_is_not_archived(
    wal: Path, script: Callable[..., int], name: str, left_over: bool
) -> None:
    assert (script("drillbook-wal-is-left-over", segment(wal, name)) == 0) is left_over


@pytest.mark.parametrize("name", ["000000010000000000000007.partial", "00000003.history"])
def test_histories_and_partial_segments_are_archived(wal: Path, script: Callable[..., int], name: str) -> None:
    (wal / name).touch()
    assert script("drillbook-wal-is-left-over", wal / name) != 0


def test_on_the_first_timeline_everything_is_archived(tmp_path: Path, script: Callable[..., int]) -> None:
    assert script("drillbook-wal-is-left-over", segment(tmp_path, "000000010000000000000007")) != 0


def test_a_segment_that_is_just_being_received_is_not_asked_for(
    wal: Path, tmp_path: Path, script: Callable[..., int]
) -> None:
    path = segment(wal, "000000030000000000000009")
    (tmp_path / "archive" / path.name).write_text("archived")
    wanted = ("drillbook-restore-wal", path.name, wal / "RECOVERYXLOG")
    assert script(*wanted) == NOT_IN_THE_ARCHIVE
    assert not (tmp_path / "asked").exists()
    eleven_seconds_ago = time.time() - 11
    os.utime(path, (eleven_seconds_ago, eleven_seconds_ago))
    assert script(*wanted) == 0
    assert (wal / "RECOVERYXLOG").read_text() == "archived"


def test_a_history_that_is_archived_is_not_asked_for_and_another_one_is(
    wal: Path, tmp_path: Path, script: Callable[..., int]
) -> None:
    (wal / "archive_status/00000003.history.done").touch()
    assert script("drillbook-restore-wal", "00000003.history", wal / "RECOVERYHISTORY") == 0
    assert (wal / "RECOVERYHISTORY").read_text() == HISTORY
    assert not (tmp_path / "asked").exists()
    assert script("drillbook-restore-wal", "00000004.history", wal / "RECOVERYHISTORY") == NOT_IN_THE_ARCHIVE
    assert (tmp_path / "asked").exists()


def test_a_history_that_waits_to_be_archived_is_not_passed_off_as_archived(
    wal: Path, script: Callable[..., int]
) -> None:
    """PostgreSQL takes what restore_command delivers for archived: the timeline would be missing there for ever."""
    (wal / "archive_status/00000003.history.ready").touch()
    assert script("drillbook-restore-wal", "00000003.history", wal / "RECOVERYHISTORY") == NOT_IN_THE_ARCHIVE
    assert not (wal / "RECOVERYHISTORY").exists()


def test_the_server_is_only_stopped_early_in_a_planned_switchover(tmp_path: Path, script: Callable[..., int]) -> None:
    stop = tmp_path / "pg_ctl"
    stop.write_text(f"#!/bin/sh\ntouch {tmp_path}/stopped\n")
    stop.chmod(0o755)
    (tmp_path / "postmaster.pid").write_text("4194305\n")  # no process: beyond the greatest number that Linux gives
    assert script("drillbook-before-stop") == 0
    assert not (tmp_path / "stopped").exists()
    (tmp_path / "switchover").touch()
    assert script("drillbook-before-stop") == 0
    assert (tmp_path / "stopped").exists()
