"""A restore in place of machines on EC2 is refused by name, and makes and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.contract.ec2_drills.world import HOSTS

if TYPE_CHECKING:
    from tests.contract.ec2_drills.world import Ec2DrillWorld
    from tests.contract.machine_drills.driver import Driver


def test_it_is_refused_by_name(world: Ec2DrillWorld, driver: Driver) -> None:
    outcome = driver.restore(*HOSTS)
    error = outcome.record["error"]
    assert (outcome.exit_code, error["class"]) == (2, "ConfigurationError")
    assert error["message"] == "this provider has no restores in place: aws is of kind ec2"
    assert error["where"] == "drillbook_providers, aws"
    assert "drillbook backup list" in error["remedy"]
    assert world.left() == set()
    assert world.production() == world.before
