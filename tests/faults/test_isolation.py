"""The sandbox's walls: a hole is found, and so is a network so dead that it would pass for a wall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from testinfra.host import Host
    from tests.faults.conftest import Drills

pytestmark = pytest.mark.lab


def test_production_reachable_from_the_sandbox(drills: Drills) -> None:
    lab = drills.lab
    octet = lab.variables["lab_octet_second"]
    legs = [
        f"{lab.prefix}-sandbox:ip={lab.address('sandbox1', 'sandbox')},interface_name=sandbox",
        f"{lab.prefix}-production:ip=10.{octet}.1.99,interface_name=production",
    ]
    lab.playbook("lab/up", variables={"lab_only": "sandbox1", "lab_attachments": legs})
    try:
        ran = drills.run()
    finally:
        lab.playbook("lab/up", variables={"lab_only": "sandbox1"})
    assert ran.code != 0
    assert "sandbox is isolated" in ran.failed_checks()
    assert lab.address("db1") in ran.why()
    drills.assert_nothing_left()


def test_a_dead_network_in_the_sandbox(drills: Drills, host: Callable[[str], Host]) -> None:
    store = host("store1")
    store.check_output("ip link set dev sandbox down")
    try:
        ran = drills.run()
    finally:
        store.check_output("ip link set dev sandbox up")
    assert ran.code != 0
    assert "sandbox reaches its object store" in ran.failed_checks()
    drills.assert_nothing_left()
