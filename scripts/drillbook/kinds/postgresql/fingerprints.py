"""Which of the fingerprints found in restored data can be believed: signed outside the database, one for each declared query."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from drillbook.errors import MalformedDataError
from drillbook.untrusted import read_object

FINGERPRINT_SCHEMA = "drillbook.fingerprint/1"
_TOO_EARLY = (
    "The agent takes the first one within two intervals of its start (fingerprint_interval_seconds): "
    "choose a later recovery point. Where there must have been one by then, rows are missing"
)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What one declared query answered on the primary, or why nothing can be said about it (``problem``), and what to do then.

    The answer is of rows up to ``moment``, an RFC 3339 time.
    ``absent`` says that there is no row of it: it may never have been taken, so it is neither proven nor disproven.
    """

    name: str
    problem: str
    database: str = ""
    statement: str = ""
    result: str = ""
    lsn: str = ""
    absent: bool = False
    remedy: str = ""
    moment: str = ""


def public_key_of(seed: str) -> str:
    """The public key of an Ed25519 seed, both as 64 hexadecimal digits. Raises ValueError for anything else."""
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)).public_key().public_bytes_raw().hex()


def believe(declared: Iterable[str], stored: Iterable[Mapping[str, Any]], public_key: str) -> tuple[Fingerprint, ...]:
    """One fingerprint for each declared name; ``stored`` are the newest rows (name, document, signature) of the restored table.

    Raises ValueError when ``public_key`` is not 64 hexadecimal digits.
    """
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
    rows = {str(row["name"]): row for row in stored}
    return tuple(_read(name, rows.get(name), key) for name in declared)


def _read(name: str, row: Mapping[str, Any] | None, key: Ed25519PublicKey) -> Fingerprint:
    if row is None:
        return Fingerprint(name, "none was found in the restored data", absent=True, remedy=_TOO_EARLY)
    text = str(row["document"])
    try:
        key.verify(base64.b64decode(str(row["signature"]), validate=True), text.encode())
    except (InvalidSignature, ValueError):  # also what is no base64, and half a character
        return Fingerprint(name, "its signature is not the agent's: somebody wrote it into the database")
    try:
        document = read_object(text, where="a fingerprint")
    except MalformedDataError as error:
        return Fingerprint(name, f"what was signed is no fingerprint: {error.message}")
    if document.get("schema") != FINGERPRINT_SCHEMA or document.get("name") != name:
        return Fingerprint(name, f"the row holds {document.get('name')!r} in schema {document.get('schema')!r}")
    return Fingerprint(
        name,
        "",
        document["database"],
        document["statement"],
        document["result"],
        document["lsn"],
        moment=document["moment"],
    )
