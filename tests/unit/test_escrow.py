"""Escrow: a copy that is missing or another one is red, and so is nothing at all."""

import hashlib
from pathlib import Path

import pytest

from drillbook.escrow import check_escrow
from drillbook.model import CheckStatus, EscrowItem


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
