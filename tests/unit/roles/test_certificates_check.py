"""The watch over a host's certificates: what ends soon, and what can't be read, is told before services stop."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.support.modules import module_at

if TYPE_CHECKING:
    from types import ModuleType

WATCH = Path(__file__).resolve().parents[3] / "roles/certificates/files/certificates_check.py"
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def watch() -> ModuleType:
    return module_at(WATCH)


def certificate(path: Path, end: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, path.stem)])
    built = x509.CertificateBuilder(name, name, key.public_key(), 1, end - timedelta(days=397), end)
    path.write_bytes(built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def test_what_ends_soon_or_is_none_is_told(watch: ModuleType, tmp_path: Path) -> None:
    certificate(tmp_path / "etcd.crt", NOW + timedelta(days=100))
    certificate(tmp_path / "postgresql.crt", NOW + timedelta(days=13, hours=23))
    certificate(tmp_path / "past.crt", NOW - timedelta(days=1))
    (tmp_path / "torn.crt").write_text("-----BEGIN CERTIFICATE-----\n", encoding="utf-8")
    found, told = watch.alarms(tmp_path, timedelta(days=14), NOW)
    assert set(found) == {"etcd", "postgresql", "past"}
    assert found["etcd"] == NOW + timedelta(days=100)
    assert [sentence.split()[0].rpartition("/")[2] for sentence in told] == ["past.crt", "postgresql.crt", "torn.crt"]
    assert "ends on 2026-02-14, in 14 days" in told[1]


def test_the_first_to_end_of_two_in_a_file_counts(watch: ModuleType, tmp_path: Path) -> None:
    """An authority that is being rotated has the next one beside it."""
    certificate(tmp_path / "ca.crt", NOW + timedelta(days=100))
    first = (tmp_path / "ca.crt").read_bytes()
    certificate(tmp_path / "ca.crt", NOW + timedelta(days=5))
    (tmp_path / "ca.crt").write_bytes(first + (tmp_path / "ca.crt").read_bytes())
    found, told = watch.alarms(tmp_path, timedelta(days=14), NOW)
    assert (found, len(told)) == ({"ca": NOW + timedelta(days=5)}, 1)


@pytest.mark.parametrize(("days", "code"), [(100, 0), (5, 1)])
def test_its_exit_code_fails_the_unit_and_the_metric_is_there(tmp_path: Path, days: int, code: int) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    certificate(tmp_path / "etcd.crt", end)
    metrics = tmp_path / "metrics"
    metrics.mkdir()
    options = ["--directory", str(tmp_path), "--before-days", "14", "--metrics", str(metrics / "certificates.prom")]
    done = subprocess.run(
        [sys.executable, str(WATCH), *options], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code, done.stderr
    written = (metrics / "certificates.prom").read_text(encoding="utf-8")
    assert f'drillbook_certificate_not_after_seconds{{certificate="etcd"}} {end.timestamp():.0f}' in written
    assert [path.name for path in metrics.iterdir()] == ["certificates.prom"]
