"""Lines are whole or not there, hide none behind them, and none of them is silently forgotten."""

import errno
import json
import os
from pathlib import Path

import pytest

from drillbook.journal.lines import append_line, read_lines


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lines.jsonl"


def names(path: Path) -> list[str]:
    return [str(entry["name"]) for _number, entry in read_lines(path).entries]


def test_a_short_write_is_finished(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel may take less than it was given: on a disk that is filling, after a signal."""
    whole = os.write
    monkeypatch.setattr(os, "write", lambda handle, content: whole(handle, content[:7]))
    append_line(path, {"name": "one"})
    append_line(path, {"name": "two"})
    assert (names(path), read_lines(path).odd) == (["one", "two"], ())


def test_what_the_disk_refuses_is_raised_and_taken_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append_line(path, {"name": "one"})
    before, whole, written = path.read_bytes(), os.write, []

    def full(handle: int, content: bytes) -> int:
        if written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(whole(handle, content[:9]))
        return written[0]

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            append_line(path, {"name": "two"})
    assert path.read_bytes() == before
    append_line(path, {"name": "three"})
    assert names(path) == ["one", "three"]


def test_a_torn_line_is_told_and_hides_none_behind_it(path: Path) -> None:
    append_line(path, {"name": "one"})
    with path.open("ab") as file:
        file.write(b'{"name": "tw')
    append_line(path, {"name": "three"})
    assert names(path) == ["one", "three"]
    (odd,) = read_lines(path).odd
    assert (odd.path, odd.number) == (path, 2)
    assert str(odd) == f"line 2 of {path}: it is torn, or no JSON"


@pytest.mark.parametrize(
    "line",
    [b"\xff\xfe", b"[" * 100_000, b"[]", b"null", b"3", b'"x"', b'{"name": "\x00\x00', b"9" * 9000, b"\x00" * 4096],
)
def test_a_foreign_line_is_told(path: Path, line: bytes) -> None:
    path.write_bytes(b'{"name":"one"}\n' + line + b'\n{"name":"three"}\n')
    assert names(path) == ["one", "three"]
    assert [odd.number for odd in read_lines(path).odd] == [2]


def test_a_file_that_cannot_be_read_is_told(path: Path) -> None:
    path.mkdir()
    (odd,) = read_lines(path).odd
    assert odd.number == 0
    assert str(odd).startswith(f"{path}: it can't be read")


def test_a_pipe_does_not_make_the_reader_wait(path: Path) -> None:
    os.mkfifo(path)
    (odd,) = read_lines(path).odd
    assert "no ordinary file" in odd.why


def test_what_utf_8_cannot_say_is_written_all_the_same(path: Path) -> None:
    append_line(path, {"name": "\ud800"})
    assert names(path) == ["\ud800"]
    assert json.loads(path.read_bytes())["name"] == "\ud800"
