"""Keys are private, and only the right one verifies."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from drillbook.errors import EvidenceError
from drillbook.evidence import Signer, Verifier


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "signing.pem"
    first = Signer.load_or_create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Signer.load_or_create(path).public_key_pem() == first.public_key_pem()
    assert [child.name for child in path.parent.iterdir()] == ["signing.pem"]


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    Signer.load_or_create(path)
    path.chmod(0o640)
    with pytest.raises(EvidenceError, match="read by others"):
        Signer.load_or_create(path)


def test_a_link_in_the_keys_place_is_refused(tmp_path: Path) -> None:
    Signer.load_or_create(tmp_path / "real.pem")
    (tmp_path / "signing.pem").symlink_to(tmp_path / "real.pem")
    with pytest.raises(EvidenceError):
        Signer.load_or_create(tmp_path / "signing.pem")


def test_other_keys_are_refused(tmp_path: Path) -> None:
    rsa = generate_private_key(65537, 2048)
    path = tmp_path / "signing.pem"
    path.write_bytes(rsa.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    with pytest.raises(EvidenceError, match="Ed25519"):
        Signer.load_or_create(path)
    with pytest.raises(EvidenceError, match="Ed25519"):
        Verifier(rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    path.write_text("nonsense")
    with pytest.raises(EvidenceError, match="Ed25519"):
        Signer.load_or_create(path)
    with pytest.raises(EvidenceError, match="Ed25519"):
        Verifier("nonsense")


def test_only_the_exact_bytes_and_the_right_key_verify(signer: Signer, tmp_path: Path) -> None:
    verifier = Verifier(signer.public_key_pem())
    signature = signer.sign(b"content")
    assert verifier.is_signed(b"content", signature)
    assert not verifier.is_signed(b"content ", signature)
    assert not verifier.is_signed(b"content", signature + b"\n")
    other = Signer.load_or_create(tmp_path / "other.pem")
    assert not verifier.is_signed(b"content", other.sign(b"content"))
    assert verifier.is_same_key(signer.public_key_pem() + b"\n")
    assert not verifier.is_same_key(other.public_key_pem())
    assert not verifier.is_same_key(b"nonsense")
