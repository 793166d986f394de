"""What runs is compared with what is on disk: a replaced program or library, and a package that an interpreter reads."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import pytest
from tests.support.modules import module_at

MODULE = Path(__file__).resolve().parents[3] / "plugins/modules/service_outdated.py"
# As Linux 6.1 prints it; the last is what PostgreSQL maps of its shared memory, and gone by design.
MAPS = """\
55d0c8a00000-55d0c8a9c000 r--p 00000000 00:2f 1234   /usr/lib/postgresql/17/bin/postgres
55d0c8a9c000-55d0c9000000 r-xp 0009c000 00:2f 1234   /usr/lib/postgresql/17/bin/postgres
7f2a10000000-7f2a18a00000 rw-s 00000000 00:01 9      /dev/zero (deleted)
7f2a20000000-7f2a20001000 rw-s 00000000 00:01 3      /SYSV0052e2c1 (deleted)
7f2a30000000-7f2a30001000 rw-p 00000000 00:00 0
7f2a40000000-7f2a40001000 r-xp 00000000 00:2f 88     /usr/lib/x86_64-linux-gnu/libssl.so.3
"""
SERVER = "/usr/lib/postgresql/17/bin/postgres"
GROUPS = {
    "unified": "0::/system.slice/a.service\n",
    "hybrid": "12:pids:/x\n1:name=systemd:/system.slice/a.service\n0::/\n",
}


@pytest.fixture(scope="module")
def outdated() -> ModuleType:
    return module_at(MODULE)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """The main process of a unit, its server and a helper, and a server of another unit."""
    for number, (group, runs) in {
        "7": ("a", "/usr/bin/python3.13"),
        "8": ("a", SERVER),
        "6": ("a", "/usr/bin/pgbackrest"),
        "9": ("b", SERVER),
    }.items():
        (tmp_path / number).mkdir()
        (tmp_path / number / "exe").symlink_to(runs)
        (tmp_path / number / "cgroup").write_text(f"0::/system.slice/{group}.service\n")
        (tmp_path / number / "maps").write_text(MAPS)
    (tmp_path / "self").mkdir()
    return tmp_path


def test_nothing_is_outdated_where_all_is_there(outdated: ModuleType, proc: Path) -> None:
    assert outdated.replaced(outdated.processes(7, [SERVER], proc)) == []


@pytest.mark.parametrize("path", ["/usr/lib/postgresql/17/bin/postgres", "/usr/lib/x86_64-linux-gnu/libssl.so.3"])
def test_a_program_or_library_that_was_replaced_is_named_once(outdated: ModuleType, proc: Path, path: str) -> None:
    """In a child alone, too: the main process may be an interpreter that has nothing of it."""
    maps = "".join(f"{line} (deleted)\n" if line.endswith(path) else f"{line}\n" for line in MAPS.splitlines())
    (proc / "8/maps").write_text(maps)
    assert outdated.replaced(outdated.processes(7, [SERVER], proc)) == [f"{path} was replaced"]


@pytest.mark.parametrize("process", ["6", "9"], ids=["a helper that still runs", "another unit's server"])
def test_another_process_does_not_count(outdated: ModuleType, proc: Path, process: str) -> None:
    (proc / process / "maps").write_text(f"1-2 r-xp 0 00:2f 8 {SERVER} (deleted)\n")
    assert outdated.replaced(outdated.processes(7, [SERVER], proc)) == []


def test_a_process_that_ends_meanwhile_is_passed_over(outdated: ModuleType, proc: Path) -> None:
    (proc / "8/maps").unlink()
    assert outdated.replaced(outdated.processes(7, [SERVER], proc)) == []


@pytest.mark.parametrize("layout", GROUPS)
def test_systemds_group_is_read_whatever_the_layout(outdated: ModuleType, layout: str) -> None:
    assert outdated.control_group(GROUPS[layout]) == "/system.slice/a.service"


def test_a_process_in_no_group_belongs_to_no_unit(outdated: ModuleType, proc: Path) -> None:
    """Without that every server on a host whose groups can't be read would be one of the unit's."""
    for number in ("7", "9"):
        (proc / number / "cgroup").write_text("0::/\n")
    assert list(outdated.processes(7, [SERVER], proc)) == [proc / "7"]


def test_a_server_whose_program_was_replaced_is_still_one(outdated: ModuleType, proc: Path) -> None:
    (proc / "8/exe").unlink()
    (proc / "8/exe").symlink_to(f"{SERVER} (deleted)")
    assert proc / "8" in list(outdated.processes(7, [SERVER], proc))


@pytest.mark.parametrize(("seconds", "younger"), [(-60, False), (60, True)])
@pytest.mark.parametrize("file", ["patroni.list", "patroni:amd64.list"])
def test_a_package_is_younger_than_what_was_started_before_it(
    outdated: ModuleType, tmp_path: Path, file: str, seconds: int, younger: bool
) -> None:
    (tmp_path / file).touch()
    os.utime(tmp_path / file, (1_700_000_000 + seconds,) * 2)
    (tmp_path / "patroni-doc.list").touch()
    assert outdated.younger(["patroni"], 1_700_000_000, tmp_path) == (
        ["patroni is younger than the process"] if younger else []
    )


def test_a_unit_that_systemd_does_not_know_of_is_told(
    outdated: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "systemctl").write_text("#!/bin/sh\necho no bus >&2\nexit 1\n")
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(outdated.UnansweredError, match="no bus"):
        outdated.shown("a.service")


def test_a_file_of_the_unit_that_was_written_since_is_named(outdated: ModuleType, tmp_path: Path) -> None:
    old, new = tmp_path / "old.conf", tmp_path / "new.conf"
    for path, seconds in ((old, -60), (new, 60)):
        path.touch()
        os.utime(path, (1_700_000_000 + seconds,) * 2)
    assert outdated.changed([str(old), str(new), str(tmp_path / "gone")], 1_700_000_000) == [f"{new} has changed"]
