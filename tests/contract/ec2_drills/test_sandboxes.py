"""Sandbox hosts on EC2: cut off before anyone logs in, known by a key of their own, and removed by their claim alone."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from tests.contract.ec2_drills.sandbox_world import LIMIT, OTHER_RUN, RUN, USER, SandboxWorld
from tests.support.ec2_drills import DRILLS
from tests.support.ssh_host import HOST_KEY

from drillbook.clock import SystemClock
from drillbook.errors import ConfigurationError, InfrastructureError, RefusedError
from drillbook.model import Claim, Power
from drillbook.providers import Sandboxes, open_restores, open_sandboxes
from drillbook.providers.ec2.drill.claim_names import RUN_TAG, token_for

GIBIBYTE = 1 << 30


def test_one_is_run_cut_off_reached_and_removed(sandboxes: SandboxWorld) -> None:
    provider: Sandboxes = sandboxes.sandboxes
    machine = sandboxes.make()
    assert (machine.host, machine.identifier, machine.power) == (
        "sandbox1",
        sandboxes.claim().identifier,
        Power.RUNNING,
    )
    (asked,) = DRILLS.of("RunInstances")
    assert "IamInstanceProfile" not in asked
    assert "KeyName" not in asked
    assert asked["MetadataOptions"]["HttpTokens"] == "required"
    assert asked["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert {disk["DeviceName"]: disk["Ebs"] for disk in asked["BlockDeviceMappings"]} == {
        device: {"DeleteOnTermination": True, "Encrypted": True} for device in ("/dev/sda1", "/dev/sdf")
    }
    (card,) = DRILLS.of("CreateNetworkInterface")
    assert (card["SubnetId"], card["Groups"]) == (sandboxes.region.subnet, [sandboxes.region.group])
    instance = sandboxes.instance()
    assert [one["SubnetId"] for one in instance["NetworkInterfaces"]] == [sandboxes.region.subnet]
    assert {tag["Key"]: tag["Value"] for tag in instance["Tags"]} == {"Name": machine.identifier, RUN_TAG: RUN}

    user_data = sandboxes.user_data()
    sandboxes.host.boot(user_data)
    reached = provider.reach(machine, LIMIT)
    assert reached.variables == {
        "ansible_host": instance["PrivateIpAddress"],
        "ansible_user": USER,
        # Its default route comes by DHCP, and says nothing: what leaves the subnet was read from EC2.
        "isolation_routed": "true",
        "isolation_inspected_by": f"EC2's own routes, group and endpoints of {instance['SubnetId']}",
    }
    own = sandboxes.host.read(f"{HOST_KEY}.pub").split()
    assert reached.host_key == " ".join(own[:2])
    assert reached.host_key not in user_data
    assert set(sandboxes.host.logins) == {USER}

    open_restores(sandboxes.place(), SystemClock()).destroy(sandboxes.claim(), LIMIT)
    assert sandboxes.region.left() == set()


def test_user_data_lets_in_one_key_and_no_password(sandboxes: SandboxWorld) -> None:
    sandboxes.make()
    said = yaml.safe_load(sandboxes.user_data())
    (user,) = said["users"]
    assert (user["name"], user["ssh_authorized_keys"], user["lock_passwd"]) == (USER, [sandboxes.public_key], True)
    assert (said["ssh_deletekeys"], said["ssh_pwauth"], said["disable_root"]) == (True, False, True)
    assert (said["hostname"], said["package_upgrade"]) == ("sandbox1", False)


def test_it_has_a_disk_of_its_own_where_that_is_wanted(sandboxes: SandboxWorld) -> None:
    sandboxes.sandboxes = sandboxes.open(data_path="/var/lib/postgresql", encrypted=False)
    sandboxes.sandbox = sandboxes.of(5 * GIBIBYTE + 1)
    machine = sandboxes.make()
    (asked,) = DRILLS.of("RunInstances")
    disks = {disk["DeviceName"]: disk["Ebs"] for disk in asked["BlockDeviceMappings"]}
    assert disks["/dev/sda1"] == {"DeleteOnTermination": True}
    assert disks["/dev/sdg"] == {"DeleteOnTermination": True, "VolumeSize": 6, "VolumeType": "gp3"}, (
        "sdf is the image's"
    )
    volumes = {one["DeviceName"]: one["Ebs"]["VolumeId"] for one in sandboxes.instance()["BlockDeviceMappings"]}
    identifier = volumes["/dev/sdg"].replace("-", "")
    sandboxes.host.write(f"dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{identifier}", "")
    sandboxes.host.write("etc/fstab", "UUID=root / ext4 defaults 0 1\n")
    sandboxes.host.write("var/lib/postgresql/.profile", "kept\n")
    sandboxes.host.boot(sandboxes.user_data())
    sandboxes.sandboxes.reach(machine, LIMIT)
    done = sandboxes.host.read("disks").replace(str(sandboxes.host.root), "").splitlines()
    assert done[0] == f"mkfs -q /dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{identifier}"
    assert done[-1] == "mount /var/lib/postgresql"
    assert sandboxes.host.read("unmounted/.profile") == "kept\n"
    fstab = sandboxes.host.read("etc/fstab").replace(str(sandboxes.host.root), "").splitlines()
    assert fstab == [
        "UUID=root / ext4 defaults 0 1",
        "UUID=11111111-2222 /var/lib/postgresql ext4 defaults,nofail 0 2",
    ]


@pytest.mark.parametrize(("wanted", "made"), [(20 * GIBIBYTE + 1, 21), (1, 8)])
def test_the_disk_that_it_starts_from_is_large_enough(sandboxes: SandboxWorld, wanted: int, made: int) -> None:
    sandboxes.sandbox = sandboxes.of(wanted)
    sandboxes.make()
    volumes = {one["DeviceName"]: one["Ebs"]["VolumeId"] for one in sandboxes.instance()["BlockDeviceMappings"]}
    assert set(volumes) == {"/dev/sda1", "/dev/sdf"}
    (root,) = sandboxes.region.client.describe_volumes(VolumeIds=[volumes["/dev/sda1"]])["Volumes"]
    assert root["Size"] == made


def test_a_disk_that_is_not_there_is_said(sandboxes: SandboxWorld) -> None:
    sandboxes.sandboxes = sandboxes.open(data_path="/var/lib/postgresql")
    sandboxes.sandbox = sandboxes.of(GIBIBYTE)
    machine = sandboxes.make()
    sandboxes.host.boot(sandboxes.user_data())
    with pytest.raises(InfrastructureError, match=r"could not be mounted: no device is the volume vol"):
        sandboxes.sandboxes.reach(machine, LIMIT)


def test_it_is_run_on_no_network_but_the_isolated_one(sandboxes: SandboxWorld) -> None:
    """The card is read back before anything runs on it, and again before anyone logs in."""
    production = sandboxes.region.production_subnet

    def move(card: Any) -> None:
        card.subnet = sandboxes.region.backend.get_subnet(production)

    DRILLS.touch_card = move
    with pytest.raises(RefusedError, match=f"it would not be isolated: eni-.* is on {production}"):
        sandboxes.make()
    assert DRILLS.of("RunInstances") == []
    (card,) = sandboxes.region.client.describe_network_interfaces(
        Filters=[{"Name": "tag:Name", "Values": [sandboxes.claim().identifier]}]
    )["NetworkInterfaces"]
    sandboxes.region.client.delete_network_interface(NetworkInterfaceId=card["NetworkInterfaceId"])


def test_a_card_that_changed_meanwhile_is_seen_before_the_login(sandboxes: SandboxWorld) -> None:
    machine = sandboxes.make()
    sandboxes.host.boot(sandboxes.user_data())
    card = sandboxes.instance()["NetworkInterfaces"][0]["NetworkInterfaceId"]
    sandboxes.region.client.modify_network_interface_attribute(
        NetworkInterfaceId=card, Groups=[sandboxes.region.endpoints]
    )
    with pytest.raises(RefusedError, match="it would not be isolated"):
        sandboxes.sandboxes.reach(machine, LIMIT)
    assert sandboxes.host.logins == []


def test_a_card_more_is_seen_before_the_login(sandboxes: SandboxWorld) -> None:
    def attach(backend: Any, instance: Any) -> None:
        subnet = backend.get_subnet(sandboxes.region.subnet)
        instance.attach_eni(backend.create_network_interface(subnet, "10.9.1.200"), 1)

    DRILLS.extra_card = attach
    with pytest.raises(RefusedError, match="and was made with eni-"):
        sandboxes.make()
    for card in sandboxes.instance()["NetworkInterfaces"]:
        sandboxes.region.backend.enis[card["NetworkInterfaceId"]].add_tags(
            {"Name": sandboxes.claim().identifier, RUN_TAG: RUN}
        )


def test_an_open_network_is_refused_before_anything_is_made(sandboxes: SandboxWorld) -> None:
    sandboxes.region.let_out(IpRanges=[{"CidrIp": "0.0.0.0/0"}])
    with pytest.raises(RefusedError, match=r"not isolated: sg-.* leads to 0\.0\.0\.0/0"):
        sandboxes.make()
    assert (DRILLS.of("CreateNetworkInterface"), DRILLS.of("RunInstances")) == ([], [])


@pytest.mark.parametrize("operation", ["CreateNetworkInterface", "RunInstances"])
def test_a_lost_answer_makes_nothing_twice(sandboxes: SandboxWorld, operation: str) -> None:
    DRILLS.lose_answer = {operation: 1}
    sandboxes.make()
    assert len(DRILLS.of(operation)) == 2
    what = {"CreateNetworkInterface": "card 0", "RunInstances": "instance"}[operation]
    assert {one["ClientToken"] for one in DRILLS.of(operation)} == {token_for(sandboxes.claim(), what)}
    instances = {one for one in sandboxes.region.left() if one.startswith("i-")}
    assert instances == {sandboxes.instance()["InstanceId"]}


def test_another_run_s_is_left_alone(sandboxes: SandboxWorld) -> None:
    sandboxes.make()
    before = sandboxes.region.left()
    with pytest.raises(RefusedError, match="is no name that a drill's run gives"):
        sandboxes.sandboxes.destroy(Claim("aws", "sandbox1", sandboxes.claim().identifier, OTHER_RUN), LIMIT)
    sandboxes.sandboxes.destroy(sandboxes.claim(OTHER_RUN), LIMIT)
    assert sandboxes.region.left() == before


def test_only_what_this_run_made_is_logged_in_to(sandboxes: SandboxWorld) -> None:
    """Another process does not have the key that it was given, and so can't know it."""
    machine = sandboxes.make()
    with pytest.raises(RefusedError, match="only what this run made"):
        sandboxes.open().reach(machine, LIMIT)


def test_what_can_not_work_is_said_before_anything_is_made(sandboxes: SandboxWorld) -> None:
    claim = sandboxes.claim()
    sandboxes.region.backend.amis[sandboxes.image].state = "pending"
    with pytest.raises(ConfigurationError, match=f"the image {sandboxes.image} is pending") as refused:
        sandboxes.make()
    assert refused.value.where == "drillbook_providers, aws, drill.sandboxes.image"
    sandboxes.region.backend.amis[sandboxes.image].state = "available"
    with pytest.raises(
        RefusedError, match=r"a1\.medium can't run the image of sandbox1: .* Set drill\.sandboxes\.inst"
    ):
        sandboxes.open(instance_type="a1.medium").make(claim, sandboxes.sandbox, LIMIT)
    unknown = sandboxes.place().drill.sandboxes.model_copy(update={"image": "ami-00000000"})  # type: ignore[union-attr]
    place = sandboxes.place()
    assert place.drill is not None
    nowhere = place.model_copy(update={"drill": place.drill.model_copy(update={"sandboxes": unknown})})
    with pytest.raises(ConfigurationError, match="there is no image ami-00000000 in eu-central-1"):
        open_sandboxes(nowhere, SystemClock()).make(claim, sandboxes.sandbox, LIMIT)
    without = place.model_copy(update={"drill": place.drill.model_copy(update={"sandboxes": None})})
    with pytest.raises(ConfigurationError, match="no image for sandbox hosts"):
        open_sandboxes(without, SystemClock())
    public = sandboxes.private_key.with_suffix(".pub")
    public.write_text(sandboxes.private_key.read_text())
    with pytest.raises(ConfigurationError, match="does not hold one public key"):
        sandboxes.make()
    public.unlink()
    with pytest.raises(ConfigurationError, match="public key can't be read"):
        sandboxes.make()
    assert (DRILLS.of("CreateNetworkInterface"), DRILLS.of("RunInstances")) == ([], [])
