"""An inventory of hundreds of hosts: what is tried from inside a restored machine does not fit into one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.contract.machine_drills.driver import Driver
from tests.contract.machine_drills.world import HOSTS, shell_rules

from drillbook.model import CheckStatus

if TYPE_CHECKING:
    from tests.contract.machine_drills.world import DrillWorld

COUNT = 500
PEERS = ("192.0.2.11:22", "192.0.2.12:22")


def silences(world: DrillWorld, *reached: str) -> list[str]:
    """Run a drill whose machines reach these; the checks of production's silence."""
    for host in HOSTS:
        world.write(host, "/bin/sh", shell_rules(reached=(*PEERS, *reached)))
        world.back_up(host)
    inventory = world.inventory()
    more = {f"node{number}": f"10.1.{number // 250}.{number % 250}" for number in range(COUNT)}
    inventory["_meta"]["hostvars"] |= {host: {"ansible_host": address} for host, address in more.items()}
    inventory["others"]["hosts"] += list(more)
    record = Driver(inventory).run().record
    return [check["status"] for check in record["checks"] if "nothing of production answers" in check["name"]]


def test_all_of_them_are_tried(world: DrillWorld) -> None:
    assert silences(world) == [CheckStatus.PASSED] * len(HOSTS)


@pytest.mark.parametrize("reached", ["10.1.0.0:22", "10.1.1.249:8006"])
def test_the_first_or_the_last_that_answers_is_red(world: DrillWorld, reached: str) -> None:
    assert silences(world, reached) == [CheckStatus.FAILED] * len(HOSTS)
