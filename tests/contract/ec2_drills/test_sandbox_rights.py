"""The drill's key and sandbox hosts on EC2: what the how-to adds is needed, and more than that is named."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.contract.ec2_drills.sandbox_world import SandboxWorld
from tests.support.ec2_drills import DRILLS

from drillbook.clock import SystemClock
from drillbook.errors import ConfigurationError, RefusedError
from drillbook.machines.drill.sandbox import SandboxWork
from drillbook.model import CheckStatus
from drillbook.providers import LimitedCredential
from drillbook.providers.ec2.sandboxes import Ec2Sandboxes

if TYPE_CHECKING:
    from tests.support.ec2_rights import Policy


def narrowed(policy: Policy) -> Policy:
    return [one for one in policy if one.get("Sid") != "SandboxHosts"]


def test_a_policy_without_the_image_is_named(sandboxes: SandboxWorld) -> None:
    sandboxes.region.allow(narrowed(sandboxes.region.policy))
    with pytest.raises(ConfigurationError, match=f"may not do that: .*RunInstances.*image/{sandboxes.image}"):
        sandboxes.make()


def test_the_gate_names_a_policy_that_is_wider(sandboxes: SandboxWorld) -> None:
    (check,) = SandboxWork(sandboxes.sandboxes, sandboxes.sandbox, ("shop-db",), SystemClock()).gate()
    assert check.status is CheckStatus.PASSED
    sandboxes.region.allow([*sandboxes.region.policy, {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}])
    with pytest.raises(RefusedError, match=r"too strong: it may terminate it \(i-"):
        SandboxWork(sandboxes.sandboxes, sandboxes.sandbox, ("shop-db",), SystemClock()).gate()


def test_the_documented_policy_is_no_more_than_that(sandboxes: SandboxWorld) -> None:
    """On the service's own instances, on others where the keys see none of it, and where there are none at all."""
    provider: Ec2Sandboxes = sandboxes.sandboxes
    assert isinstance(provider, LimitedCredential)
    assert provider.separate()
    for hosts in (("shop-db",), ("db-in-another-cloud",)):
        DRILLS.asked.clear()
        assert provider.overreach(hosts) is None
        tried = {name for name, one in DRILLS.asked if "DryRun" in one}
        assert {"TerminateInstances", "RunInstances", "DeleteVolume", "AuthorizeSecurityGroupEgress"} <= tried


WIDER = {
    "ec2:TerminateInstances": r"it may terminate it \(i-",
    "ec2:RunInstances": r"it may run instances where it is \(subnet-",
    "ssm:SendCommand": r"it may run programs inside it \(i-",
    "ec2:AuthorizeSecurityGroupEgress": r"it may open the drill's own group \(sg-",
}


@pytest.mark.parametrize("hosts", [("shop-db",), ("db-in-another-cloud",)])
@pytest.mark.parametrize("action", WIDER)
def test_a_policy_that_is_wider_is_named(sandboxes: SandboxWorld, action: str, hosts: tuple[str, ...]) -> None:
    sandboxes.region.allow([*sandboxes.region.policy, {"Effect": "Allow", "Action": action, "Resource": "*"}])
    found = sandboxes.sandboxes.overreach(hosts)
    assert found is not None
    assert re.match(WIDER[action], found), found
