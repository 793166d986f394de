"""Certificates that only their host trusts: what is made, that it is kept while it is good, and that no key of the authority is left."""

from __future__ import annotations

import grp
import os
import pwd
import ssl
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from tests.support.modules import module_at

if TYPE_CHECKING:
    from collections.abc import Callable

MODULE = module_at(Path(__file__).resolve().parents[3] / "plugins/modules/throwaway_certificates.py")
USER, GROUP = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name


@pytest.fixture
def wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Arguments of the module; what it gives to root is this user's here."""
    real = os.fchown

    def owned(handle: int, user: int, group: int) -> None:
        real(handle, *((user, group) if os.geteuid() == 0 else (os.geteuid(), os.getegid())))

    monkeypatch.setattr(os, "fchown", owned)
    return {
        "directory": str(tmp_path / "tls"),
        "authority_file": str(tmp_path / "tls/ca-throwaway.crt"),
        "certificates": [
            {"name": "etcd", "dns": ["sandbox1", "etcd-peer"], "ip": ["192.0.2.1"], "owner": USER, "group": GROUP},
            {"name": "postgresql", "dns": ["sandbox1"], "ip": ["192.0.2.1", "::1"], "owner": USER, "group": GROUP},
        ],
        "valid_days": 2,
    }


@pytest.fixture
def made(wanted: dict[str, Any]) -> Path:
    pairs = MODULE.Pairs(wanted)
    assert not pairs.good()
    pairs.make()
    return Path(wanted["directory"])


def test_what_is_made_is_good_and_openssl_agrees(made: Path, wanted: dict[str, Any]) -> None:
    assert MODULE.Pairs(wanted).good()
    for name in ("etcd", "postgresql"):
        for purpose in ("sslserver", "sslclient"):
            asked = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", made / "ca-throwaway.crt"]
            checked = subprocess.run(
                [*asked, made / f"{name}.crt"],
                capture_output=True,
                text=True,
                check=False,
                timeout=30,
            )
            assert checked.returncode == 0, checked.stderr
        ssl.create_default_context().load_cert_chain(made / f"{name}.crt", made / f"{name}.key")
    certificate = x509.load_pem_x509_certificate((made / "etcd.crt").read_bytes())
    assert not list(certificate.subject)
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(days=2, hours=1)


def test_the_authority_s_key_is_nowhere(made: Path) -> None:
    """There are two private keys, and neither is the one that signed."""
    authority = x509.load_pem_x509_certificate((made / "ca-throwaway.crt").read_bytes())
    files = sorted(path.name for path in made.iterdir())
    assert files == ["ca-throwaway.crt", "etcd.crt", "etcd.key", "postgresql.crt", "postgresql.key"]
    for name in ("etcd", "postgresql"):
        certificate = x509.load_pem_x509_certificate((made / f"{name}.crt").read_bytes())
        assert certificate.public_key() != authority.public_key()
        assert (made / f"{name}.key").stat().st_mode & 0o777 == 0o600
        certificate.verify_directly_issued_by(authority)


def other_key(made: Path, wanted: dict[str, Any]) -> None:
    (made / "etcd.key").write_bytes((made / "postgresql.key").read_bytes())


def other_certificate(made: Path, wanted: dict[str, Any]) -> None:
    (made / "etcd.crt").write_bytes((made / "postgresql.crt").read_bytes())


def other_authority(made: Path, wanted: dict[str, Any]) -> None:
    before = (made / "ca-throwaway.crt").read_bytes()
    MODULE.Pairs(wanted).make()
    (made / "ca-throwaway.crt").write_bytes(before)


def readable(made: Path, wanted: dict[str, Any]) -> None:
    (made / "etcd.key").chmod(0o644)


def removed(made: Path, wanted: dict[str, Any]) -> None:
    (made / "postgresql.crt").unlink()


def cut_off(made: Path, wanted: dict[str, Any]) -> None:
    path = made / "postgresql.key"
    path.write_bytes(path.read_bytes()[:40])


def other_names(made: Path, wanted: dict[str, Any]) -> None:
    wanted["certificates"][0]["dns"].append("another")


def longer(made: Path, wanted: dict[str, Any]) -> None:
    """What is left is less than half of what is wanted, as it is of one that was made long ago."""
    wanted["valid_days"] = 5


@pytest.mark.parametrize(
    "spoil", [other_key, other_certificate, other_authority, readable, removed, cut_off, other_names, longer]
)
def test_what_is_not_good_is_made_anew(
    made: Path, wanted: dict[str, Any], spoil: Callable[[Path, dict[str, Any]], None]
) -> None:
    spoil(made, wanted)
    pairs = MODULE.Pairs(wanted)
    assert not pairs.good()
    pairs.make()
    assert pairs.good()


def test_a_run_that_is_cut_off_is_not_taken_for_done(
    made: Path, wanted: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = MODULE._write

    def fails(path: Path, *content: Any) -> None:
        if path.name == "postgresql.crt":
            raise OSError("no space left")
        real(path, *content)

    monkeypatch.setattr(MODULE, "_write", fails)
    pairs = MODULE.Pairs(wanted)
    with pytest.raises(OSError, match="no space"):
        pairs.make()
    assert not pairs.good()


def test_an_owner_that_is_not_there_is_told(wanted: dict[str, Any]) -> None:
    wanted["certificates"][0]["owner"] = "nobody-of-this-name"
    with pytest.raises(KeyError, match="nobody-of-this-name"):
        MODULE.Pairs(wanted).make()
