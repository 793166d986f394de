"""The shell blocks of docs/how-to/verify-evidence.md are executed as they stand, on a good log and on changed ones."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drillbook.evidence import EvidenceLog, Signer

PAGE = Path(__file__).parents[3] / "docs/how-to/verify-evidence.md"
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
KEY, CHAIN, RUNS, HEAD, ANCHOR = range(5)


@pytest.fixture
def anchor_directory(tmp_path: Path) -> Path:
    return tmp_path / "anchor"


@pytest.fixture
def follow(good_log: Path, anchor_directory: Path) -> Callable[[], set[int]]:
    """Carry out every documented block; returns the numbers of those that failed. What was noted is of the good log."""
    environment = {
        "PATH": os.environ["PATH"],
        "NOTED_KEY_SHA256": _sha256(good_log / "public.pem"),
        "NOTED_HEAD": _sha256(good_log / "000004-closed.json"),
        "ANCHOR_COPY": str(anchor_directory),
    }

    def run() -> set[int]:
        failed = set()
        for number, block in enumerate(BLOCKS):
            done = subprocess.run(
                ["/bin/sh", "-u", "-c", block],
                cwd=good_log,
                env=environment,
                capture_output=True,
                timeout=60,
                check=False,
            )
            if done.returncode:
                assert done.stdout or done.stderr, "a failure says something"
                failed.add(number)
        return failed

    return run


def test_page_has_the_five_blocks() -> None:
    assert len(BLOCKS) == 5


def test_good_log_passes_every_block(follow: Callable[[], set[int]]) -> None:
    assert follow() == set()


@pytest.mark.parametrize("name", ["000001-opened", "000002-closed", "000003-opened", "000004-closed"])
def test_edited_entry(follow: Callable[[], set[int]], good_log: Path, name: str) -> None:
    path = good_log / f"{name}.json"
    path.write_bytes(path.read_bytes().replace(b"nightly", b"mightly").replace(b"PASS", b"FAIL"))
    assert {CHAIN, ANCHOR} <= follow()


def test_edited_signature(follow: Callable[[], set[int]], good_log: Path) -> None:
    (good_log / "000002-closed.sig").write_bytes(bytes(64))
    assert {CHAIN, ANCHOR} <= follow()


@pytest.mark.parametrize("ending", [".json", ".sig", ".*"])
def test_deleted_in_the_middle(follow: Callable[[], set[int]], good_log: Path, ending: str) -> None:
    for path in good_log.glob(f"000002-closed{ending}"):
        path.unlink()
    assert {CHAIN, ANCHOR} <= follow()


def test_reordered(follow: Callable[[], set[int]], good_log: Path) -> None:
    for ending in ("json", "sig"):
        one, other = (good_log / f"{name}.{ending}" for name in ("000002-closed", "000004-closed"))
        kept = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(kept)
    assert {CHAIN, HEAD, ANCHOR} <= follow()


def test_renamed(follow: Callable[[], set[int]], good_log: Path) -> None:
    for ending in ("json", "sig"):
        (good_log / f"000004-closed.{ending}").rename(good_log / f"000004-closed-by-successor.{ending}")
    assert {CHAIN, ANCHOR} <= follow()


def test_duplicated(follow: Callable[[], set[int]], good_log: Path) -> None:
    for ending in ("json", "sig"):
        shutil.copy(good_log / f"000002-closed.{ending}", good_log / f"000002-closed-by-successor.{ending}")
    assert {CHAIN, ANCHOR} <= follow()


def test_truncated_tail_is_seen_by_the_head_and_by_the_anchor_and_by_nothing_else(
    follow: Callable[[], set[int]], good_log: Path
) -> None:
    for path in (*good_log.glob("000003-*"), *good_log.glob("000004-*")):
        path.unlink()
    assert follow() == {HEAD, ANCHOR}


def test_run_that_was_never_closed(follow: Callable[[], set[int]], good_log: Path) -> None:
    for path in good_log.glob("000004-*"):
        path.unlink()
    assert {RUNS, HEAD, ANCHOR} <= follow()


def test_log_rewritten_with_another_key(follow: Callable[[], set[int]], good_log: Path, tmp_path: Path) -> None:
    shutil.rmtree(good_log)
    forger = EvidenceLog(good_log, Signer.load_or_create(tmp_path / "forged.pem"), lambda: datetime.now(UTC))
    forger.append("opened", "run-1", {})
    forger.append("closed", "run-1", {"verdict": "PASS"})
    assert {KEY, HEAD, ANCHOR} <= follow()


def test_entry_that_only_the_anchor_has_changed(
    follow: Callable[[], set[int]], good_log: Path, anchor_directory: Path
) -> None:
    path = anchor_directory / "000001-opened.json"
    path.chmod(0o640)
    path.write_bytes(b"{}\n")
    assert follow() == {ANCHOR}


@pytest.mark.parametrize("name", ["000011-opened.json", "000011-opened.sig", "000004-closed.sig"])
def test_a_pipe_does_not_make_the_auditor_wait(follow: Callable[[], set[int]], good_log: Path, name: str) -> None:
    """Each block has a minute here; one that waits for a pipe has no end."""
    (good_log / name).unlink(missing_ok=True)
    os.mkfifo(good_log / name)
    assert {CHAIN, ANCHOR} <= follow()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
