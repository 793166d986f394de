"""Escrow: a copy that is missing or another one is red, and so is nothing at all."""

import hashlib
import os
import socket
from pathlib import Path

import pytest

from drillbook.escrow import check_escrow
from drillbook.model import CheckStatus, EscrowItem, InUse


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "in-use"
    path.write_text("secret-key\n")
    return path


def item(key: Path, **changes: object) -> EscrowItem:
    return EscrowItem(**{"name": "repository key", "host": "safe", "source": key, **changes})  # type: ignore[arg-type] # built from keywords


def test_nothing_declared_proves_nothing() -> None:
    assert check_escrow(())[0].status is CheckStatus.SKIPPED


def test_same_copy_passes_as_file_or_command(key: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_text("secret-key")
    fingerprint = hashlib.sha256(b"secret-key").hexdigest()
    checks = check_escrow(
        [
            item(key, copy=copy),
            item(key, command=("cat", str(copy))),
            item(key, source=None, sha256=fingerprint, copy=copy),
        ]
    )
    assert [check.status for check in checks] == [CheckStatus.PASSED] * 3
    assert "secret-key" not in repr(checks)


@pytest.mark.parametrize("command", [("echo", "other"), ("false",), ("true",), ("/nonexistent",)])
def test_other_or_missing_copy_fails(key: Path, command: tuple[str, ...]) -> None:
    assert check_escrow([item(key, command=command)])[0].status is CheckStatus.FAILED


def test_unreadable_source_fails(key: Path, tmp_path: Path) -> None:
    assert check_escrow([item(tmp_path / "gone", copy=key)])[0].status is CheckStatus.FAILED


LISTING = "find . -name .git -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory as controllers have it, with names whose order differs between locales, and its copy beside it."""
    for folder in ("in-use-tree", "copied-tree"):
        for name in ("B.yml", "a.yml", "group_vars/all/with space.yml", "z", ".git/config"):
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"content of {name} in {folder if '.git' in name else 'both'}\n", encoding="utf-8")
    return tmp_path / "in-use-tree"


def of_tree(tree: Path, copy: Path) -> list[EscrowItem]:
    command = ("sh", "-c", f"cd {copy} && {LISTING}")
    return [item(tree, copy=copy), item(tree, command=command)]


def test_a_directory_is_compared_file_by_file(tree: Path) -> None:
    copy = tree.with_name("copied-tree")
    assert {check.status for check in check_escrow(of_tree(tree, copy))} == {CheckStatus.PASSED}


@pytest.mark.parametrize("change", ["changed", "missing", "more"])
def test_another_directory_fails(tree: Path, change: str) -> None:
    copy = tree.with_name("copied-tree")
    if change == "missing":
        (copy / "a.yml").unlink()
    else:
        (copy / {"changed": "a.yml", "more": "group_vars/new.yml"}[change]).write_text("other", encoding="utf-8")
    assert {check.status for check in check_escrow(of_tree(tree, copy))} == {CheckStatus.FAILED}


def test_what_is_empty_is_no_copy_not_even_of_nothing(tmp_path: Path, key: Path) -> None:
    directory, file = tmp_path / "empty", tmp_path / "empty-file"
    directory.mkdir()
    file.touch()
    for source, copy in ((key, directory), (directory, directory), (key, file), (file, file)):
        assert check_escrow([item(source, copy=copy)])[0].status is CheckStatus.FAILED


def test_what_is_in_use_is_no_copy_of_itself(key: Path, tree: Path, tmp_path: Path) -> None:
    link, hard = tmp_path / "link", tmp_path / "hard"
    link.symlink_to(key)
    os.link(key, hard)
    inside = tmp_path / "linked-tree"
    inside.symlink_to(tree)
    fakes = [
        *(item(key, copy=path) for path in (key, link, hard)),
        item(key, command=("cat", str(key))),
        *(item(tree, copy=path) for path in (tree, inside)),
        *(
            item(key, host=host, command=("echo", "secret-key"))
            for host in ("localhost", "127.0.0.1", socket.gethostname())
        ),
    ]
    assert {check.status for check in check_escrow(fakes)} == {CheckStatus.FAILED}


def test_a_copy_is_compared_to_the_last_byte(tmp_path: Path) -> None:
    """As text, what can't be read as such would equal other content."""
    (tmp_path / "key.p12").write_bytes(b"\x80\r\nkey\xff")
    (tmp_path / "copy.p12").write_bytes(b"\x80\r\nkey\xff")
    (tmp_path / "other.p12").write_bytes(b"\x81\nkey\xfe")
    found = check_escrow(
        [item(tmp_path / "key.p12", command=("cat", str(tmp_path / name))) for name in ("copy.p12", "other.p12")]
    )
    assert [check.status for check in found] == [CheckStatus.PASSED, CheckStatus.FAILED]


def test_what_is_in_use_and_in_no_copy_is_named(tree: Path) -> None:
    copied = item(tree, copy=tree.with_name("copied-tree"))
    inside = InUse("inventory", tree / "group_vars")
    outside = InUse("key that signs the evidence", tree.parent / "evidence.pem")
    found = check_escrow([copied], [inside, outside])
    assert [(check.name, check.status) for check in found] == [
        ("repository key", CheckStatus.PASSED),
        ("key that signs the evidence", CheckStatus.SKIPPED),
    ]
    assert str(outside.path) in found[1].message
