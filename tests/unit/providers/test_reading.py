"""What is read of a file inside a machine: by a real shell, and never more than a small file has."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from drillbook.errors import InfrastructureError
from drillbook.model import GuestAnswer, Machine, Power
from drillbook.providers.reading import read_small_file

if TYPE_CHECKING:
    from pathlib import Path

MACHINE = Machine("web", "id", "zone", Power.RUNNING)


def shell(_machine: Machine, script: str, _limit: timedelta) -> GuestAnswer:
    done = subprocess.run(["/bin/sh", "-s"], input=script, capture_output=True, text=True, timeout=60, check=False)
    return GuestAnswer(done.returncode, done.stdout)


def read(path: Path) -> str | None:
    return read_small_file(shell, MACHINE, str(path), timedelta(seconds=9))


def test_a_small_file_is_read_whole_and_one_that_is_not_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "a b").write_text("-n\ntext\n")
    assert read(tmp_path / "a b") == "-n\ntext\n"
    assert read(tmp_path / "none") is None


def test_of_a_large_file_no_more_is_read_than_shows_it(tmp_path: Path) -> None:
    """A guest whose heartbeat is a file of many GiB must not fill the controller's memory."""
    with (tmp_path / "large").open("wb") as file:
        file.truncate(10_000_000)
    assert len(read(tmp_path / "large") or "") == 64 * 1024 + 1


def test_one_that_is_there_and_can_t_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="can't be read"):
        read(tmp_path)
