"""One host's key takes the place of its older ones, and every other line stays as it is."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from drillbook.errors import ConfigurationError
from drillbook.known_hosts import forget, knows, names_in_file, pin, refuse_unwritable
from drillbook.ssh_key import SshKey

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = SshKey.generate().public, SshKey.generate().public
NAMES = ("192.0.2.11", "db1.example.org")
PINNED = f"192.0.2.11,db1.example.org {NEW}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "known_hosts"


def hashed(name: str, folder: Path) -> str:
    """The line that ssh itself writes with HashKnownHosts."""
    made = folder / "hashed"
    made.write_text(f"{name} {OLD}\n", encoding="utf-8")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", made], check=True, capture_output=True)  # noqa: S607 - where the PATH says
    return made.read_text(encoding="utf-8")


LINES = {
    "address": (f"192.0.2.11 {OLD}\n", ""),
    "comment": (f"192.0.2.11 {OLD} with a comment\n", ""),
    "capitals": (f"DB1.Example.org {OLD}\n", ""),
    "another sort of key": ("192.0.2.11 ecdsa-sha2-nistp256 AAAAE2VjZHNh\n", ""),
    "both names": (f"db1.example.org,192.0.2.11 {OLD}\n", ""),
    "beside another's": (f"192.0.2.11,other  {OLD}\n", f"other {OLD}\n"),
    "longer address": (f"192.0.2.111 {OLD}\n", f"192.0.2.111 {OLD}\n"),
    "another port": (f"[192.0.2.11]:2222 {OLD}\n", f"[192.0.2.11]:2222 {OLD}\n"),
    "pattern": (f"192.0.2.* {OLD}\n", f"192.0.2.* {OLD}\n"),
    "authority": (f"@cert-authority 192.0.2.11 {OLD}\n", f"@cert-authority 192.0.2.11 {OLD}\n"),
    "revoked": (f"@revoked * {OLD}\n", f"@revoked * {OLD}\n"),
    "remark": (f"# 192.0.2.11 {OLD}\n", f"# 192.0.2.11 {OLD}\n"),
    "empty line": ("\n", "\n"),
    "no key": ("192.0.2.11\n", "192.0.2.11\n"),
    "wrong hash": ("|1|no base64|neither db1\n", "|1|no base64|neither db1\n"),
    "no UTF-8": (f"h\xf6st {OLD}", f"h\xf6st {OLD}\n"),
}
"""What is in the file, and what is left of it."""


@pytest.mark.parametrize("case", LINES)
def test_own_lines_go_and_others_stay(file: Path, case: str) -> None:
    line, left = LINES[case]
    file.write_bytes(line.encode("latin-1"))
    assert pin(file, NAMES, NEW)
    assert file.read_bytes() == (left + PINNED).encode("latin-1")


def test_hashed_names_are_found(file: Path, tmp_path: Path) -> None:
    other = hashed("192.0.2.12", tmp_path)
    file.write_text(hashed("192.0.2.11", tmp_path) + other + hashed("db1.example.org", tmp_path), encoding="utf-8")
    assert pin(file, NAMES, NEW)
    assert file.read_text(encoding="utf-8") == other + PINNED


def test_what_is_pinned_already_is_not_written(file: Path) -> None:
    assert pin(file, NAMES, NEW)
    before = file.stat()
    assert not pin(file, NAMES, NEW)
    assert file.stat().st_ino == before.st_ino
    file.write_text(f"{PINNED}192.0.2.11 {OLD}\n", encoding="utf-8")
    assert pin(file, NAMES, NEW), "an older key beside it would be believed as well"
    assert file.read_text(encoding="utf-8") == PINNED


def test_what_is_forgotten_leaves_the_rest(file: Path) -> None:
    assert not forget(file, NAMES)
    assert not file.exists()
    file.write_text(f"192.0.2.12 {OLD}\n{PINNED}192.0.2.11,web1 {OLD}", encoding="utf-8")
    assert forget(file, NAMES)
    assert file.read_text(encoding="utf-8") == f"192.0.2.12 {OLD}\nweb1 {OLD}"
    assert not forget(file, NAMES)


def test_a_new_file_is_private_and_an_old_one_keeps_its_mode(file: Path) -> None:
    pin(file, NAMES, OLD)
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o640)
    pin(file, NAMES, NEW)
    assert file.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in file.parent.iterdir()] == ["known_hosts"]


def test_a_link_stays_one(file: Path) -> None:
    real = file.with_name("real")
    real.write_text("", encoding="utf-8")
    file.symlink_to(real)
    pin(file, NAMES, NEW)
    assert file.is_symlink()
    assert real.read_text(encoding="utf-8") == PINNED


def test_writers_at_the_same_time_lose_no_line(file: Path) -> None:
    with ThreadPoolExecutor(16) as writers:
        list(writers.map(lambda number: pin(file, (f"192.0.2.{number}",), NEW), range(30)))
    assert len(file.read_text(encoding="utf-8").splitlines()) == 30


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for wrong in (tmp_path / "missing/known_hosts", tmp_path / "folder"):
        for act in (refuse_unwritable, partial(pin, names=NAMES, host_key=NEW)):
            with pytest.raises(ConfigurationError, match="the file of known hosts can't be written") as raised:
                act(wrong)
            assert raised.value.where == str(wrong)
    refuse_unwritable(tmp_path / "known_hosts")


def test_a_port_of_its_own_and_capitals() -> None:
    assert names_in_file(["DB1.example.org", "192.0.2.11", "", "192.0.2.11"]) == ("db1.example.org", "192.0.2.11")
    assert names_in_file(["192.0.2.11"], 2222) == ("[192.0.2.11]:2222",)


def test_whom_ssh_knows(file: Path, tmp_path: Path) -> None:
    assert not knows(file, "192.0.2.11"), "there is no file"
    file.write_text(
        f"192.0.2.12 {OLD}\n10.0.0.* {OLD}\n@cert-authority *.example.org {OLD}\n{hashed('web1', tmp_path)}"
    )
    found = [name for name in ("192.0.2.12", "10.0.0.7", "db1.example.org", "web1") if knows(file, name)]
    assert found == ["192.0.2.12", "10.0.0.7", "db1.example.org", "web1"]
    assert not knows(file, "192.0.2.11")
