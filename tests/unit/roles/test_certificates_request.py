"""The authority signs what the inventory says, whatever a host asks for."""

from __future__ import annotations

import inspect
import ipaddress
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tests.support.role_assertion import ROLES, refusals

USAGES = list(inspect.signature(x509.KeyUsage).parameters)
HONEST: dict[str, Any] = {
    "subject": [(NameOID.COMMON_NAME, "postgresql")],
    "names": [x509.DNSName("db1"), x509.IPAddress(ipaddress.ip_address("192.0.2.1"))],
    "authority": False,
    "usages": ["digital_signature"],
    "uses": [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH],
    "more": [],
}


def request(**changes: Any) -> str:
    """A request as a host makes it, with what it changed."""
    asked = HONEST | changes
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(oid, value) for oid, value in asked["subject"]])
    )
    usage = x509.KeyUsage(**{name: name in asked["usages"] for name in USAGES})
    extensions = [
        (x509.SubjectAlternativeName(asked["names"]), False),
        (x509.BasicConstraints(ca=asked["authority"], path_length=None), True),
        (usage, True),
        (x509.ExtendedKeyUsage(asked["uses"]), False),
        *((extension, False) for extension in asked["more"]),
    ]
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    key = ec.generate_private_key(ec.SECP256R1())
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


CASES: dict[str, dict[str, Any]] = {
    "another_name": {"subject": [(NameOID.COMMON_NAME, "store1")]},
    "an_organisation": {"subject": [*HONEST["subject"], (NameOID.ORGANIZATION_NAME, "somebody")]},
    "one_name_more": {"names": [*HONEST["names"], x509.DNSName("*.example.org")]},
    "an_authority": {"authority": True},
    "may_sign": {"usages": ["digital_signature", "key_cert_sign"]},
    "signs_code": {"uses": [*HONEST["uses"], ExtendedKeyUsageOID.CODE_SIGNING]},
    "an_extension_more": {"more": [x509.OCSPNoCheck()]},
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the role's own comparison says to each host; empty where it would sign."""
    shared = yaml.safe_load((ROLES / "certificates/vars/main.yml").read_text(encoding="utf-8")) | {
        "__certificates_entry": {"name": "postgresql"},
        "__certificates_common_name": "postgresql",
        "__certificates_names": ["DNS:db1", "IP:192.0.2.1"],
    }
    hosts = {
        name: shared | {"__certificates_request": {"csr": request(**changes)}}
        for name, changes in {"honest": {}, **CASES}.items()
    }
    nameless = shared | {"__certificates_common_name": ""}
    hosts["nameless"] = nameless | {"__certificates_request": {"csr": request(subject=[])}}
    hosts["a_name_where_none_is_declared"] = nameless | {"__certificates_request": {"csr": request()}}
    hosts["no_name_where_one_is_declared"] = shared | {"__certificates_request": {"csr": request(subject=[])}}
    folder = tmp_path_factory.mktemp("requests")
    return refusals(folder, "certificates/tasks/certificate.yml", "Compare the request with the inventory", hosts)


@pytest.mark.parametrize("host", ["honest", "nameless"])
def test_what_the_inventory_names_is_signed(host: str, said: dict[str, str]) -> None:
    assert said[host] == ""


@pytest.mark.parametrize("host", [*sorted(CASES), "a_name_where_none_is_declared", "no_name_where_one_is_declared"])
def test_what_a_host_adds_is_refused(host: str, said: dict[str, str]) -> None:
    assert said[host].startswith(f"{host} asks for a certificate that the inventory does not name")
    assert "Nothing was signed." in said[host]
