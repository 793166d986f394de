"""Copies stand where the things in use stood, for one process alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from drillbook.errors import ConfigurationError, InfrastructureError
from drillbook.escrow import escrow_in_place
from drillbook.model import EscrowItem

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65534
SCRIPT = """
import ctypes, os, sys, threading
from pathlib import Path
from drillbook.errors import DrillbookError
from drillbook.escrow import escrow_in_place
from drillbook.model import EscrowItem, InUse

folder, user, threads = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
if user != os.getuid():
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as a program that this user started: its files in /proc are the user's
for _ in range(threads):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
item = EscrowItem("all", "keeper", folder / "in-use", archive=("tar", "-C", str(folder / "copy"), "-c", "."))
elsewhere = InUse("vault password", folder / "elsewhere")
try:
    found = escrow_in_place([item], [elsewhere, InUse("key", folder / "in-use/key")], [Path("/usr")])
except DrillbookError as error:
    sys.exit(f"{error.message} {error.remedy}")
print([(check.name, check.status.value) for check in found])
print((folder / "in-use/key").read_text(), (folder / "in-use/new").exists(), "SSH_AUTH_SOCK" in os.environ)
print((folder / "in-use").stat().st_uid, os.getuid())
(folder / "in-use/written").touch()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """What is in use beside its copy, where another user reaches it."""
    made = Path(tempfile.mkdtemp())
    for name, content in {"in-use/key": "mine", "copy/key": "the copy's", "copy/new": "", "elsewhere": ""}.items():
        (made / name).parent.mkdir(exist_ok=True)
        (made / name).write_text(content)
    if os.getuid() == 0:
        for path in (made, *made.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    yield made
    shutil.rmtree(made)


def work(folder: Path, user: int, threads: int = 0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), str(user), str(threads)],
        env={**os.environ, "SSH_AUTH_SOCK": "/run/agent"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be both")
@pytest.mark.parametrize("user", [0, NOBODY])
def test_the_copy_is_seen_by_that_process_alone(folder: Path, user: int) -> None:
    done = work(folder, user)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "[('all out of escrow', 'passed'), ('vault password out of escrow', 'skipped')]",
        "the copy's True False",
        f"{user} {user}",
    ]
    assert sorted(path.name for path in (folder / "in-use").iterdir()) == ["key"]
    assert (folder / "in-use/key").read_text() == "mine"


@pytest.mark.skipif(os.getuid() != 0, reason="root has to become another user")
def test_a_machine_that_does_not_allow_it_is_an_error_that_says_so(folder: Path) -> None:
    """The kernel gives no namespace of users to a process with threads: an answer that a forbidden one gives in other words."""
    done = work(folder, NOBODY, threads=1)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no mounts of a process's own: unshare" in done.stderr
    assert "Run this as root" in done.stderr


def item(folder: Path, **changes: object) -> EscrowItem:
    said = {"name": "all", "host": "keeper", "source": folder / "in-use", "archive": ("false",)}
    return EscrowItem(**{**said, **changes})  # type: ignore[arg-type] # built from keywords


@pytest.mark.parametrize(
    ("changes", "own", "said"),
    [
        ({"archive": ()}, "elsewhere", "no item of drillbook_escrow says how its copy is fetched"),
        ({"source": Path("/etc/hostname")}, "elsewhere", "/etc/hostname is no directory"),
        ({}, "in-use/state", "the copy would cover it"),
        ({}, "in-use", "the copy would cover it"),
    ],
)
def test_what_can_t_be_put_in_place_is_refused(folder: Path, changes: dict[str, object], own: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        escrow_in_place([item(folder, **changes)], [], [folder / own])


def test_a_copy_that_can_t_be_had_changes_nothing(folder: Path) -> None:
    with pytest.raises(InfrastructureError, match="false ended with 1"):
        escrow_in_place([item(folder)], [], [])
    assert (folder / "in-use/key").read_text() == "mine"
