"""Certificates of an authority that signs them and is gone: nobody elsewhere trusts them, and no more can be made."""

from __future__ import annotations

import grp
import ipaddress
import os
import pwd
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError:
    LACKING = traceback.format_exc()
else:
    LACKING = ""

DOCUMENTATION = """
module: throwaway_certificates
short_description: Certificates of an authority that signs them and is gone
description:
  - For a host that lives for one drill, and trusts itself alone. The authority's key is never written.
  - Makes all of them anew where one is missing, is not what is asked for, or has less than half of its time left.
  - Makes keys on the curve P-256. The files are I(directory)/<name>.key (0600, its owner's) and I(directory)/<name>.crt.
options:
  directory:
    description: Where they lie. It is made, and is root's.
    type: path
    required: true
  authority_file:
    description: Where the authority's certificate lies.
    type: path
    required: true
  certificates:
    description: The certificates. None has a subject, so each is known by its names alone.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of its files.
        type: str
        required: true
      dns:
        description: Names.
        type: list
        elements: str
        default: []
      ip:
        description: Addresses.
        type: list
        elements: str
        default: []
      owner:
        description: User that the key belongs to.
        type: str
        required: true
      group:
        description: Its group.
        type: str
        required: true
  valid_days:
    description: Days until they end.
    type: int
    default: 2
requirements: [cryptography]
author: drillbook
"""

RETURN = """
made:
  description: Whether they were made anew.
  type: bool
  returned: success
"""

# Clocks differ: a certificate that starts now is refused by a neighbour that is a minute behind.
EARLIER = timedelta(hours=1)


class Pairs:
    """The files, as they are and as they are wanted."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        """``wanted`` are the module's arguments."""
        self._directory = Path(wanted["directory"])
        self._authority = Path(wanted["authority_file"])
        self._certificates: list[dict[str, Any]] = wanted["certificates"]
        self._valid = timedelta(days=wanted["valid_days"])

    def good(self) -> bool:
        """Whether all of them are there, of one authority, as asked for, and last long enough."""
        try:
            authority = x509.load_pem_x509_certificate(self._authority.read_bytes())
            return all(self._is_good(one, authority) for one in self._certificates)
        except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            return False

    def make(self) -> None:
        """Make all of them. Consumers read the authority first, so it is written last: what is half done is done again."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o755)
        key = ec.generate_private_key(ec.SECP256R1())
        named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "drillbook throw-away authority")])
        constraints = (x509.BasicConstraints(ca=True, path_length=0), _usage(signs=True))
        authority = self._signed(named, named, key.public_key(), key, [(one, True) for one in constraints])
        self._authority.unlink(missing_ok=True)
        for one in self._certificates:
            self._pair(one, authority, key)
        _write(self._authority, authority.public_bytes(serialization.Encoding.PEM), 0o644, 0, 0)

    def _is_good(self, one: dict[str, Any], authority: x509.Certificate) -> bool:
        certificate = x509.load_pem_x509_certificate(self._file(one, "crt").read_bytes())
        path = self._file(one, "key")
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        algorithm = certificate.signature_hash_algorithm
        if algorithm is None:
            return False
        signer = authority.public_key()
        if not isinstance(signer, ec.EllipticCurvePublicKey):
            return False
        signer.verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(algorithm))
        found = path.stat()
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return (
            _spki(certificate.public_key()) == _spki(key.public_key())
            and set(names) == set(_names(one))
            and _ends_at(certificate) - datetime.now(UTC) > self._valid / 2
            and (found.st_mode & 0o777, found.st_uid, found.st_gid) == (0o600, *_owner(one))
        )

    def _pair(self, one: dict[str, Any], authority: x509.Certificate, signer: Any) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        extensions = [
            (
                x509.SubjectAlternativeName(_names(one)),
                True,
            ),  # RFC 5280, 4.1.2.6: who has no subject is known by these alone
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_usage(signs=False), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        ]
        certificate = self._signed(x509.Name([]), authority.subject, key.public_key(), signer, extensions)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _write(self._file(one, "key"), private, 0o600, *_owner(one))
        _write(self._file(one, "crt"), certificate.public_bytes(serialization.Encoding.PEM), 0o644, 0, 0)

    def _signed(
        self, subject: x509.Name, issuer: x509.Name, public: Any, signer: Any, extensions: list[tuple[Any, bool]]
    ) -> x509.Certificate:
        now = datetime.now(UTC).replace(tzinfo=None)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - EARLIER)
            .not_valid_after(now + self._valid)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(signer, hashes.SHA256())

    def _file(self, one: dict[str, Any], suffix: str) -> Path:
        return self._directory / f"{one['name']}.{suffix}"


def _names(one: dict[str, Any]) -> list[Any]:
    return [
        *(x509.DNSName(name) for name in one["dns"]),
        *(x509.IPAddress(ipaddress.ip_address(address)) for address in one["ip"]),
    ]


def _usage(*, signs: bool) -> x509.KeyUsage:
    others = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(digital_signature=not signs, key_cert_sign=signs, crl_sign=signs, **others)


def _spki(key: Any) -> bytes:
    encoded: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded


def _ends_at(certificate: x509.Certificate) -> datetime:
    """Debian 12's cryptography has the end without a zone alone, and newer ones warn of that."""
    told: datetime | None = getattr(certificate, "not_valid_after_utc", None)
    return told or certificate.not_valid_after.replace(tzinfo=UTC)


def _owner(one: dict[str, Any]) -> tuple[int, int]:
    """Raises KeyError for a user or a group that the host does not have."""
    return pwd.getpwnam(one["owner"]).pw_uid, grp.getgrnam(one["group"]).gr_gid


def _write(path: Path, content: bytes, mode: int, user: int, group: int) -> None:
    """Write it whole or not at all; it is its owner's before anything is in it."""
    staged = path.with_name(f".{path.name}.{uuid4().hex}")
    handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        os.fchown(handle, user, group)
        os.fchmod(handle, mode)
        file.write(content)
    staged.replace(path)


def main() -> None:
    """Make what is missing, and answer Ansible."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "authority_file": {"type": "path", "required": True},
            "certificates": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "dns": {"type": "list", "elements": "str", "default": []},
                    "ip": {"type": "list", "elements": "str", "default": []},
                    "owner": {"type": "str", "required": True},
                    "group": {"type": "str", "required": True},
                },
            },
            "valid_days": {"type": "int", "default": 2},
        },
        supports_check_mode=True,
    )
    if LACKING:
        module.fail_json(msg=missing_required_lib("cryptography"), exception=LACKING)
    pairs = Pairs(module.params)
    try:
        made = not pairs.good()
        if made and not module.check_mode:
            pairs.make()
    except (OSError, ValueError, KeyError) as error:
        module.fail_json(msg=f"The certificates can't be made: {error}")
    else:
        module.exit_json(changed=made, made=made)


if __name__ == "__main__":
    main()
