"""IPv6 is refused by name, where it stands: `address/32` would let a provider's whole block in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.support.role_assertion import refusals

if TYPE_CHECKING:
    from pathlib import Path

FOUR, SIX = "192.0.2.1", "2001:db8::1"


def host(address: str, network: str = "192.0.2.0/24") -> dict[str, Any]:
    members = [{"name": "db1", "address": address}]
    return {"etcd_members": members, "postgresql_members": members, "postgresql_allowed_networks": [network]}


@pytest.mark.parametrize(
    ("role", "named"),
    [
        ("etcd", {"four": None, "six": SIX, "net": None}),
        ("postgresql", {"four": None, "six": SIX, "net": "2001:db8::/64"}),
    ],
)
def test_ipv6_is_refused_by_name(role: str, named: dict[str, str | None], tmp_path: Path) -> None:
    hosts = {"four": host(FOUR), "six": host(SIX), "net": host(FOUR, "2001:db8::/64")}
    said = refusals(tmp_path, f"{role}/tasks/preflight.yml", "Refuse IPv6", hosts)
    for name, address in named.items():
        assert bool(said[name]) is (address is not None)
        assert address is None or f"{address} is such an address" in said[name]
