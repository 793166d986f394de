"""Logs and records that the evidence tests share."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drillbook.evidence import Anchor, DirectoryAnchor, EvidenceLog, Signer
from drillbook.evidence.records import tracks_of

START = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


def ticking_clock() -> Callable[[], datetime]:
    """A clock that moves one second at each look."""
    ticks = itertools.count()
    return lambda: START + timedelta(seconds=next(ticks))


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer.load_or_create(tmp_path_factory.mktemp("key") / "signing.pem")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "evidence"


@pytest.fixture
def anchor(tmp_path: Path) -> DirectoryAnchor:
    return DirectoryAnchor(tmp_path / "anchor")


@pytest.fixture
def make_log(directory: Path, signer: Signer) -> Callable[..., EvidenceLog]:
    def make(anchor: Anchor | None = None) -> EvidenceLog:
        return EvidenceLog(directory, signer, ticking_clock(), anchor)

    return make


@pytest.fixture
def good_log(make_log: Callable[..., EvidenceLog], anchor: DirectoryAnchor, directory: Path) -> Path:
    """Two closed runs, four entries, all anchored; the log's directory."""
    log = make_log(anchor)
    for run in ("run-1", "run-2"):
        log.append("opened", run, {"drill": "nightly"})
        log.append("closed", run, {"drill": "nightly", "verdict": "PASS", "note": "grün", "previous_sha256": "a decoy"})
    return directory


@pytest.fixture
def record_2(record: dict[str, Any]) -> dict[str, Any]:
    """The same run in the schema of this version."""
    (track,) = tracks_of(record)
    general = ("drill", "run_id", "trigger", "mode", "operator", "tool_version", "plan_digest", "config_digest")
    times = ("declared_at", "disaster_at", "finished_at", "total_seconds")
    kept = (*general, *times, "cleanup", "leftovers", "error", "verdict")
    checks = [{"service": "" if check["stage"] == "gate" else "main", **check} for check in record["checks"]]
    return {**{key: record[key] for key in kept}, "schema": "drillbook.record/2", "tracks": [track], "checks": checks}


@pytest.fixture
def record() -> dict[str, Any]:
    """A complete record of a drill that passed, of schema 1."""
    phases: list[dict[str, Any]] = []
    at = 0.0
    for name, seconds in (
        ("declare", 0.412),
        ("provision", 11.8),
        ("select", 2.05),
        ("transfer", 24.61),
        ("replay", 9.3),
        ("start", 3.22),
        ("verify", 6.9),
        ("prove", 17.4),
        ("teardown", 5.1),
    ):
        phases.append({"name": name, "seconds": seconds, "intervals": [[round(at, 3), round(at + seconds, 3)]]})
        at += seconds + 0.02
    return {
        "schema": "drillbook.record/1",
        "run_id": "20261121T060000Z-7f3a",
        "drill": "postgresql_main_nightly",
        "service": "main",
        "kind": "postgresql",
        "trigger": "drill",
        "mode": "sandbox",
        "operator": "root@controller",
        "tool_version": "0.1.0",
        "plan_digest": "4be1" * 16,
        "config_digest": "90ac" * 16,
        "declared_at": "2026-11-21T06:00:00.000000Z",
        "disaster_at": "2026-11-21T06:00:00.000000Z",
        "finished_at": "2026-11-21T06:01:21.000000Z",
        "objectives": {"rto_seconds": 300.0, "rpo_seconds": 60.0},
        "recovery_point": {
            "kind": "pgbackrest",
            "label": "20261121-055012F",
            "type": "latest",
            "timeline": 1,
            "target": None,
            "origin_time": "2026-11-21T05:50:12Z",
            "start_lsn": "0/7000028",
            "stop_lsn": "0/7000158",
        },
        "environment": {"target_host": "sandbox1", "sandbox": "sandbox", "isolated": True},
        "phases": phases,
        "unattributed_seconds": 0.18,
        "total_seconds": 80.972,
        "rto": {"objective_seconds": 300.0, "actual_seconds": 58.412, "met": True},
        "time_to_first_answer_seconds": 51.6,
        "rpo": {
            "objective_seconds": 60.0,
            "actual_seconds": 13.204,
            "met": True,
            "formula": "disaster_at - newest_heartbeat_at + clock_offset_seconds",
            "inputs": {
                "disaster_at": "2026-11-21T06:00:00.000000Z",
                "newest_heartbeat_at": "2026-11-21T05:59:46.801000Z",
                "counter": 4182,
                "clock_offset_seconds": 0.005,
                "heartbeats_failing_seconds": 0.0,
            },
        },
        "predicted": {"bytes": 734003200, "disk_bytes": 1572864000, "rto_seconds": 71.0},
        "checks": [
            _check("repository_reader_is_powerless", "gate", "PUT, DELETE and multipart refused", "refused"),
            _check("production_is_unreachable", "isolation", "0 of 14 addresses answer", "0"),
            _check("store_answers", "isolation", "the store answers (positive control)", "200"),
            _check("recovery_ended", "verify", "pg_is_in_recovery() is false", "false"),
            _check("heartbeat_found", "verify", "counter without a gap", "1 to 4182"),
            _check("wal_is_continuous", "verify", "no missing segment", "0 missing of 41"),
            _check("amcheck", "prove", "no corruption", "none"),
            _check("page_checksums", "prove", "0 bad pages", "0 of 89 211"),
        ],
        "cleanup": [{"kind": "container", "name": "drillbook-sandbox1", "state": "removed"}],
        "leftovers": [],
        "error": None,
        "verdict": "PASS",
    }


def _check(name: str, stage: str, expected: str, actual: str) -> dict[str, Any]:
    return {
        "name": name,
        "stage": stage,
        "status": "passed",
        "expected": expected,
        "actual": actual,
        "message": "",
        "remedy": "",
    }
