"""What the probe says of an isolated host, and of one that is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testinfra.host import Host

ADDRESSES = dict[str, dict[str, str]]


def test_an_isolated_host_passes_with_other_variables(playbook: Callable[..., Any]) -> None:
    ended = playbook(
        "converge",
        isolation_production_ports=[22, 80],
        isolation_unroutable_addresses=["198.51.100.7"],
        isolation_names=["molecule.example"],
        isolation_controller_ports=[22],
    )
    assert ended.status == 0, ended.output


def test_what_answers_from_production_is_named(playbook: Callable[..., Any], addresses: ADDRESSES) -> None:
    answering = addresses["outside"]["sandbox"]
    ended = playbook("converge", isolation_production_addresses=[answering], isolation_production_ports=[22])
    assert ended.status != 0
    assert f"{answering}:22" in ended.output


def test_a_name_instead_of_an_address_is_told(playbook: Callable[..., Any], addresses: ADDRESSES) -> None:
    """It is no breach, and no proof either."""
    silent = addresses["outside"]["production"]
    production = [silent, "web1.example.org"]
    ended = playbook("entry", molecule_entry="main", isolation_production_addresses=production)
    assert ended.status == 0, ended.output
    assert "web1.example.org: no address" in " ".join(ended.output.split())


def test_an_address_with_a_route_is_named(playbook: Callable[..., Any], addresses: ADDRESSES) -> None:
    routed = addresses["outside"]["sandbox"]
    ended = playbook("converge", isolation_unroutable_addresses=[routed])
    assert ended.status != 0
    assert "sandbox is isolated" in ended.output
    assert routed in ended.output


def test_a_dead_network_does_not_pass(playbook: Callable[..., Any], addresses: ADDRESSES) -> None:
    nobody = f"{addresses['outside']['sandbox'].rpartition('.')[0]}.250"
    ended = playbook("converge", isolation_allowed=[{"name": "control", "address": nobody, "port": 22}])
    assert ended.status != 0
    assert "sandbox reaches its object store" in ended.output


def test_production_behind_a_firewall_that_answers_nothing_does_not_pass(
    connect: Callable[[str], Host], playbook: Callable[..., Any], addresses: ADDRESSES
) -> None:
    """The host is reached all the same: by its route, and by an echo."""
    silent, outside = addresses["outside"]["sandbox"], connect("outside")
    outside.check_output("nft add table inet quiet")
    outside.check_output("nft 'add chain inet quiet input { type filter hook input priority -10; }'")
    outside.check_output("nft 'add rule inet quiet input tcp dport 5432 drop'")
    variables = {"isolation_production_addresses": [silent], "isolation_production_ports": [5432]}
    try:
        ended = playbook("converge", **variables)
        outside.check_output("nft 'add rule inet quiet input ip protocol { icmp, udp } drop'")
        quiet = playbook("converge", **variables)
    finally:
        outside.check_output("nft delete table inet quiet")
    assert ended.status != 0
    assert f"production by route {silent}: routed" in " ".join(ended.output.split())
    assert quiet.status != 0, "a route is a breach whatever answers"


def test_where_the_network_routes_only_a_listener_proves_the_silence(
    connect: Callable[[str], Host], playbook: Callable[..., Any], addresses: ADDRESSES
) -> None:
    silent, outside = addresses["outside"]["sandbox"], connect("outside")
    nobody = f"{addresses['outside']['production'].rpartition('.')[0]}.250"
    store = {"name": "listener", "address": addresses["outside"]["production"], "port": 22}
    variables = {
        "isolation_production_addresses": [silent],
        "isolation_production_ports": [5432],
        "isolation_unroutable_addresses": [],
        "isolation_routed": True,
    }
    outside.check_output("nft add table inet quiet")
    outside.check_output("nft 'add chain inet quiet input { type filter hook input priority -10; }'")
    outside.check_output("nft 'add rule inet quiet input iifname sandbox tcp dport 5432 drop'")
    outside.check_output("nft 'add rule inet quiet input iifname sandbox ip protocol { icmp, udp } drop'")
    try:
        unproven = playbook("converge", **variables)
        proven = playbook("converge", **variables, isolation_listeners=[store])
        deaf = playbook("converge", **variables, isolation_listeners=[{**store, "address": nobody}])
    finally:
        outside.check_output("nft delete table inet quiet")
    assert unproven.status == 0, unproven.output
    assert proven.status == 0, proven.output
    assert deaf.status != 0
    assert "the silence of production is a proof" in deaf.output
