"""The drill's key: what the how-to gives is enough, each part of it is needed, and more than that is refused."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.contract.ec2_drills.world import HOSTS, KEY, REGION, RULES, documented_policy
from tests.contract.machine_drills.driver import Driver
from tests.support.ec2_drills import DRILLS, IN_A_FILTER

from drillbook.errors import UntriedError
from drillbook.model import Claim, Verdict
from drillbook.providers.ec2 import restores as restores_module
from drillbook.providers.ec2.api import Ec2Api
from drillbook.providers.ec2.drill import removal
from drillbook.providers.ec2.drill.claim_names import name_for, tags_for

if TYPE_CHECKING:
    from tests.contract.ec2_drills.world import Ec2DrillWorld


def granted() -> list[tuple[int, str]]:
    """Each action of each statement in the how-to; one of them only removes what was left behind, see below."""
    return [
        (number, action)
        for number, statement in enumerate(documented_policy())
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        if action != "ec2:DeleteVolume"
    ]


def without(policy: list[dict[str, Any]], number: int, action: str) -> list[dict[str, Any]]:
    made = copy.deepcopy(policy)
    actions = made[number]["Action"]
    made[number]["Action"] = [one for one in ([actions] if isinstance(actions, str) else actions) if one != action]
    return made


@pytest.mark.parametrize(("number", "action"), granted())
def test_each_documented_action_is_needed(world: Ec2DrillWorld, driver: Driver, number: int, action: str) -> None:
    whole = world.policy
    world.allow(without(whole, number, action))
    outcome = driver.run()
    assert outcome.verdict in (Verdict.ERROR, Verdict.FAIL), f"{action} is given for nothing"
    world.allow(whole)
    driver.cleaner().clean()
    assert world.left() == set()


def resources() -> list[tuple[int, str]]:
    return [
        (number, resource)
        for number, statement in enumerate(documented_policy())
        if isinstance(statement["Resource"], list)
        for resource in statement["Resource"]
    ]


@pytest.mark.parametrize(("number", "resource"), resources())
def test_each_documented_resource_is_needed(world: Ec2DrillWorld, driver: Driver, number: int, resource: str) -> None:
    whole = world.policy
    narrowed = copy.deepcopy(whole)
    position = documented_policy()[number]["Resource"].index(resource)
    del narrowed[number]["Resource"][position]
    world.allow(narrowed)
    assert driver.run().verdict is Verdict.ERROR, f"{resource} is given for nothing"
    world.allow(whole)
    driver.cleaner().clean()
    assert world.left() == set()


def test_a_volume_that_was_left_behind_is_removed_by_the_action_for_it(world: Ec2DrillWorld) -> None:
    claim = Claim("aws", "shop-db", name_for("shop-db", "dead", ()), "dead")
    tags = [{"ResourceType": "volume", "Tags": tags_for(claim)}]
    world.client.create_volume(AvailabilityZone=f"{REGION}a", Size=8, TagSpecifications=tags)
    whole, (number,) = (
        world.policy,
        [number for number, one in enumerate(world.policy) if "ec2:DeleteVolume" in one["Action"]],
    )
    world.allow(without(whole, number, "ec2:DeleteVolume"))
    with pytest.raises(Exception, match="DeleteVolume"):
        world.restores().destroy(claim, removal.SETTLED)
    assert len(world.left()) == 1
    world.allow(whole)
    world.restores().destroy(claim, removal.SETTLED)
    assert world.left() == set()


ANY = {
    "ec2:TerminateInstances": "it may terminate it (i-",
    "ec2:StopInstances": "it may stop it (i-",
    "ec2:RebootInstances": "it may reboot it (i-",
    "ec2:ModifyInstanceAttribute": "it may change it (i-",
    "ec2:CreateImage": "it may make images of it (i-",
    "ec2:CreateTags": "it may tag it as a drill's (i-",
    "ec2:CreateSnapshot": "it may take snapshots of its volume (vol-",
    "ec2:DeleteVolume": "it may delete its volume (vol-",
    "ec2:DetachVolume": "it may detach its volume (vol-",
    "ec2:ModifyNetworkInterfaceAttribute": "it may change its network interface (eni-",
    "ec2:CreateNetworkInterface": "it may make network interfaces where it is (subnet-",
    "ec2:RunInstances": "it may run instances where it is (subnet-",
    "ec2:DeregisterImage": "it may deregister its backup (ami-",
    "ec2:DeleteSnapshot": "it may delete a snapshot of its backup (snap-",
    "ec2:AuthorizeSecurityGroupEgress": "it may open the drill's own group (sg-",
    "ssm:SendCommand": "it may run programs inside it (i-",
    "ec2:*": "it may terminate it (i-",
}


@pytest.mark.parametrize("action", ANY)
def test_a_key_that_can_do_more_is_refused_before_anything_is_made(
    world: Ec2DrillWorld, driver: Driver, action: str
) -> None:
    world.allow([*world.policy, {"Effect": "Allow", "Action": action, "Resource": "*"}])
    outcome = driver.run()
    assert (outcome.verdict, outcome.exit_code) == (Verdict.ERROR, 2)
    assert f"the drill's credential is too strong: {ANY[action]}" in outcome.record["error"]["message"]
    assert world.left() == set()
    changing = [(name, one) for name, one in DRILLS.asked if not name.startswith("Describe")]
    assert [name for name, one in changing if "DryRun" not in one and name != "SendCommand"] == []
    assert [one for name, one in changing if name == "SendCommand" and "Parameters" in one] == []


def test_the_key_can_not_do_it_indeed(world: Ec2DrillWorld) -> None:
    """Not as a dry run: what the policy denies is denied, and the tries are not the only ones that are judged."""
    keys = json.loads((world.keys / "drill.json").read_text())
    assert keys["access_key"] == KEY
    (name,) = [world.instances["shop-db"]]
    api = Ec2Api(world.place, "drill.json")
    with pytest.raises(Exception, match="may not do that") as refusal:
        api.call(lambda client: client.terminate_instances(InstanceIds=[name]), "terminate_instances")
    assert isinstance(refusal.value.__cause__, ClientError)


def test_an_answer_that_proves_nothing_stops_the_drill(world: Ec2DrillWorld, driver: Driver) -> None:
    broken = [*world.policy, {"Effect": "Allow", "Action": "ec2:StopInstances", "Resource": "*"}]
    world.allow(broken)
    DRILLS.before_dry_run = {"StopInstances": "IncorrectInstanceState"}
    outcome = driver.run()
    assert (outcome.verdict, outcome.exit_code) == (Verdict.ERROR, 3)
    assert "whether the drill's keys may stop it can't be told" in outcome.record["error"]["message"]


def test_a_cloud_without_dry_runs_is_asked_for_nothing(world: Ec2DrillWorld, driver: Driver) -> None:
    DRILLS.ignores_dry_runs = True
    outcome = driver.run()
    assert "answers a dry run as if it were none" in outcome.record["error"]["message"]
    assert {name for name, _parameters in DRILLS.asked if not name.startswith("Describe")} == set()


def test_a_large_group_is_looked_at_whole(world: Ec2DrillWorld) -> None:
    """EC2 takes 200 values in a filter; what is asked about the last ones counts as much."""
    hosts = (*(f"shop-web{number}" for number in range(2, 2 * IN_A_FILTER)), *HOSTS)
    restores = world.restores()
    assert [backup.host for backup in restores.backups(hosts, RULES)] == list(HOSTS)
    assert restores.overreach(hosts) is None
    terminate = {"Effect": "Allow", "Action": "ec2:TerminateInstances"}
    instance = f"arn:aws:ec2:*:*:instance/{world.instances['shop-db']}"
    world.allow([*world.policy, {**terminate, "Resource": instance}])
    assert restores.overreach(hosts) == f"it may terminate it ({world.instances['shop-db']})"


def test_more_than_ec2_takes_in_a_filter_is_refused_here_too(world: Ec2DrillWorld) -> None:
    with pytest.raises(ClientError, match="FilterLimitExceeded"):
        world.client.describe_images(Filters=[{"Name": "name", "Values": ["x"] * (IN_A_FILTER + 1)}])


def test_keys_that_see_nothing_of_the_group_prove_nothing(world: Ec2DrillWorld) -> None:
    """As those of another account do: nothing of production was there to try them on."""
    restores = world.restores()
    assert restores.overreach(("other",)) is None, "an instance without a backup"
    world.client.create_tags(Resources=list(world.instances.values()), Tags=[{"Key": "Name", "Value": "renamed"}])
    world.remember()
    assert restores.overreach(HOSTS) is None, "backups without an instance"
    with pytest.raises(UntriedError, match="see neither an instance nor a backup") as refusal:
        restores.overreach(("elsewhere",))
    assert "account and region" in refusal.value.remedy


def test_what_was_not_tried_is_skipped_and_no_pass(
    world: Ec2DrillWorld, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing_there(*_arguments: object) -> str | None:
        raise UntriedError("nothing is there", where="here", remedy="Go where it is.")

    monkeypatch.setattr(restores_module, "find_overreach", nothing_there)
    outcome = driver.run()
    (gate,) = [check for check in outcome.record["checks"] if "limited to its range" in check["name"]]
    assert (gate["status"], gate["message"], gate["remedy"]) == ("skipped", "nothing is there", "Go where it is.")
    assert (outcome.verdict, world.left()) == (Verdict.UNPROVEN, set())


def test_without_keys_of_its_own_nothing_is_proven(world: Ec2DrillWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    inventory = world.inventory()
    del inventory["all"]["vars"]["drillbook_providers"][0]["credentials_directory"]
    outcome = Driver(inventory).run()
    names = [check["name"] for check in outcome.record["checks"]]
    assert not [name for name in names if "limited to its range" in name]
