"""playbooks/provision.yml on EC2: what is declared is made, what differs is corrected, and the rest is refused untouched."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.provisioning.conftest import KEY, SECRET

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.provisioning.conftest import Region
    from tests.contract.provisioning.controller import Done

ONE = "--limit=db1"
# The test servers' machines have no system inside that could answer.
ANSWERS = {"ansible_connection": "local", "provision_known_hosts_file": ""}
GROWN: dict[str, Any] = {
    "ec2_vm_type": "m7i.xlarge",
    "ec2_vm_root_size_gib": 40,
    "ec2_vm_volumes": [{"device": "/dev/sdf", "size_gib": 120}, {"device": "/dev/sdg", "size_gib": 10}],
}


@dataclass
class Made:
    """A dry run in a region without instances, a run, and one more."""

    region: Region
    dry: Done
    instances_after_dry: set[str]
    first: Done
    second: Done


@pytest.fixture(scope="module")
def made(region: Region) -> Made:
    provision = region.controller.provision
    dry = provision(ONE, "--check", "--diff")
    instances = set(region.instances())
    return Made(region, dry, instances, provision(ONE, variables=ANSWERS), provision(ONE))


def test_a_dry_run_shows_the_instance_and_makes_none(made: Made) -> None:
    assert made.dry.status == 0, made.dry.output
    assert {"+type: m7i.large", "+/dev/sdf: 100 GiB", "+placement_group: postgresql-main"} <= set(
        made.dry.output.splitlines()
    )
    assert made.dry.changed()["db1"] > 0
    assert made.instances_after_dry == set()


def test_instances_are_as_declared(made: Made) -> None:
    assert made.first.status == 0, made.first.output
    assert "TASK [Wait until the machine answers]" in made.first.output
    instance = made.region.instances()["db1"]
    assert instance["State"]["Name"] == "running"
    assert instance["InstanceType"] == "m7i.large"
    assert instance["Placement"]["GroupName"] == "postgresql-main"
    assert [group["GroupName"] for group in instance["SecurityGroups"]] == ["postgresql-main"]
    assert {tag["Key"]: tag["Value"] for tag in instance["Tags"]} == {
        "Name": "db1",
        "Description": "Made by drillbook.",
        "drillbook": "provision",
        "Groups": "postgresql_main etcd_main pgbouncer",
    }
    assert made.region.sizes(instance["InstanceId"]) == {"/dev/sda1": 32, "/dev/sdf": 100}
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    (group,) = made.region.client.describe_placement_groups()["PlacementGroups"]
    assert group["Strategy"] == "spread"
    newest = made.region.client.describe_images(ImageIds=[instance["ImageId"]])["Images"][0]["Name"]
    assert newest == "debian-13-amd64-20261102"
    data = made.region.client.describe_instance_attribute(InstanceId=instance["InstanceId"], Attribute="userData")
    text = b64decode(data["UserData"]["Value"]).decode()
    assert text.startswith("#cloud-config\nhostname: db1\n")
    assert KEY in text


def test_a_second_run_changes_nothing(made: Made) -> None:
    assert made.second.status == 0, made.second.output
    assert "TASK [Wait until the machine answers]" not in made.second.output
    assert made.second.changed() == {"db1": 0}


def test_what_differs_is_shown_and_corrected(made: Made) -> None:
    identifier = made.region.instances()["db1"]["InstanceId"]
    made.region.client.create_tags(Resources=[identifier], Tags=[{"Key": "colour", "Value": "red"}])
    dry = made.region.controller.provision(ONE, "--check", "--diff", variables=GROWN)
    assert dry.status == 0, dry.output
    assert {
        "-  colour: red",
        "-type: m7i.large",
        "+type: m7i.xlarge",
        "-/dev/sdf: 100 GiB",
        "+/dev/sdg: 10 GiB",
    } <= set(dry.output.splitlines())
    assert made.region.sizes(identifier) == {"/dev/sda1": 32, "/dev/sdf": 100}
    unnamed = made.region.controller.provision(ONE, variables=GROWN)
    assert unnamed.status != 0
    assert "It must be stopped for that: -e provision_restart=db1" in unnamed.sentence()
    done = made.region.controller.provision(ONE, variables=GROWN | {"provision_restart": "db1"})
    assert done.status == 0, done.output
    instance = made.region.instances()["db1"]
    assert (instance["InstanceId"], instance["InstanceType"], instance["State"]["Name"]) == (
        identifier,
        "m7i.xlarge",
        "running",
    )
    assert "colour" not in {tag["Key"] for tag in instance["Tags"]}
    assert made.region.sizes(identifier) == {"/dev/sda1": 40, "/dev/sdf": 120, "/dev/sdg": 10}


def _smaller(region: Region) -> dict[str, Any]:
    return {"ec2_vm_root_size_gib": 20}


def _outside_its_group(region: Region) -> dict[str, Any]:
    return {"ec2_vm_placement_group": "another"}


def _absent_and_not_named(region: Region) -> dict[str, Any]:
    return {"ec2_vm_state": "absent"}


def _not_ours(region: Region) -> dict[str, Any]:
    region.client.create_tags(
        Resources=[region.instances()["db1"]["InstanceId"]], Tags=[{"Key": "drillbook", "Value": "theirs"}]
    )
    return {"ec2_vm_state": "absent", "provision_destroy": "db1"}


def _foreign_group(region: Region) -> dict[str, Any]:
    return {"ec2_vm_security_groups": [{"name": "default", "description": "of the network"}]}


def _no_such_subnet(region: Region) -> dict[str, Any]:
    return {"ec2_vm_subnet": "nowhere"}


def _private_key(region: Region) -> dict[str, Any]:
    return {"ec2_vm_ssh_keys": ["b3BlbnNzaC1rZXktdjEA"]}


REFUSALS: dict[str, tuple[Callable[[Region], dict[str, Any]], str]] = {
    "key that is not public": (_private_key, "at least one public key, each in the form of authorized_keys"),
    "no such subnet": (_no_such_subnet, "0 subnets nowhere"),
    "security group of others": (_foreign_group, "will not change their rules"),
    "smaller volume": (_smaller, "/dev/sda1 has 40 GiB and is declared with 20 GiB"),
    "outside its placement group": (_outside_its_group, "Outside its group it may share hardware"),
    "absent, not named": (_absent_and_not_named, "only if this run names it: -e provision_destroy=db1"),
    "absent, not ours": (_not_ours, "does not have the tag drillbook=provision"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_touch_nothing(made: Made, case: str) -> None:
    spoil, message = REFUSALS[case]
    variables = GROWN | {"provision_restart": "db1"} | spoil(made.region)
    before = made.region.instances()
    done = made.region.controller.provision(ONE, variables=variables)
    assert done.status != 0, done.output
    assert message in done.sentence(), done.output
    assert made.region.instances() == before
    ours = [{"Key": "drillbook", "Value": "provision"}]
    made.region.client.create_tags(Resources=[before["db1"]["InstanceId"]], Tags=ours)


def test_an_instance_goes_when_it_is_named_twice_and_ours(made: Made) -> None:
    named = {"ec2_vm_state": "absent", "provision_destroy": "db1"}
    done = made.region.controller.provision(ONE, variables=named)
    assert done.status == 0, done.output
    assert made.region.instances() == {}


def test_a_wrong_image_is_named_and_no_secret_is_seen(made: Made) -> None:
    done = made.region.controller.provision(ONE, "-vvv", variables={"ec2_vm_image": "debian-31"})
    assert done.status != 0
    assert "There is no image debian-31 of the owner self in eu-central-1" in done.sentence()
    assert "TASK [drillbook.platform.ec2_vm : Make the security groups]" not in done.output
    assert SECRET not in done.output
