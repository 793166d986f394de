"""Ed25519 keys: making and keeping the signing key, and checking a detached signature."""

import os
import stat
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from drillbook.errors import EvidenceError
from drillbook.evidence.files import create_exclusively, ensure_directory

SIGNATURE_BYTES = 64


class Signer:
    """Holds the private key; signs exact bytes. Ed25519 is deterministic, so signing twice gives the same bytes."""

    __slots__ = ("_key",)

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def load(cls, key_path: Path) -> Self:
        """Read the key (PKCS#8 PEM, mode 0600). Raises EvidenceError if it is not there, or others may read it."""
        return cls(_read_private_key(key_path))

    @classmethod
    def load_or_create(cls, key_path: Path) -> Self:
        """Read the key, or make it where there is none. Raises EvidenceError as `load` does."""
        ensure_directory(key_path.parent, mode=0o700)
        if not key_path.exists():
            fresh = Ed25519PrivateKey.generate()
            pem = fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            # False means that another process made it in between: its key is the key.
            create_exclusively(key_path, pem, mode=0o600)
        return cls.load(key_path)

    def sign(self, content: bytes) -> bytes:
        """The raw signature, 64 bytes."""
        return self._key.sign(content)

    def public_key_pem(self) -> bytes:
        """The public key as openssl reads it."""
        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class Verifier:
    """Checks signatures with one public key."""

    __slots__ = ("_key",)

    def __init__(self, public_key_pem: bytes | str) -> None:
        pem = public_key_pem.encode() if isinstance(public_key_pem, str) else public_key_pem
        try:
            key = load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise _not_ed25519("public key") from error
        if not isinstance(key, Ed25519PublicKey):
            raise _not_ed25519("public key")
        self._key = key

    def is_signed(self, content: bytes, signature: bytes) -> bool:
        """Whether ``signature`` was made over exactly these bytes with the matching private key."""
        if len(signature) != SIGNATURE_BYTES:
            return False
        try:
            self._key.verify(signature, content)
        except InvalidSignature:
            return False
        return True

    def is_same_key(self, public_key_pem: bytes) -> bool:
        """Whether the PEM text holds this very key, however it is wrapped."""
        try:
            other = load_pem_public_key(public_key_pem)
        except (ValueError, UnsupportedAlgorithm):
            return False
        return isinstance(other, Ed25519PublicKey) and other.public_bytes_raw() == self._key.public_bytes_raw()


def _read_private_key(key_path: Path) -> Ed25519PrivateKey:
    """Read the key from an open descriptor, so that what was checked is what is read."""
    try:
        descriptor = os.open(key_path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise EvidenceError(
                    "The signing key can be read by others",
                    where=str(key_path),
                    remedy="Treat it as known: move the log and the key away and let drillbook make new ones",
                )
            content = file.read()
    except OSError as error:
        raise EvidenceError(
            f"The signing key can't be read: {error.strerror}",
            where=str(key_path),
            remedy="Run as the user that owns the key",
        ) from error
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _not_ed25519(str(key_path)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _not_ed25519(str(key_path))
    return key


def _not_ed25519(where: str) -> EvidenceError:
    return EvidenceError(
        "This is not an Ed25519 key in PEM form", where=where, remedy="Give the key that signed the log"
    )
