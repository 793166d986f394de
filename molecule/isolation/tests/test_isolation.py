"""What the probe says of an isolated host, and of one that is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
