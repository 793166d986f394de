"""A drill of machines against moto's EC2: what a good one does, and each thing that must turn it red."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.contract.ec2_drills.world import HOSTS, PROFILE
from tests.contract.machine_drills.driver import Driver
from tests.contract.machine_drills.world import HEARTBEAT, shell_rules
from tests.support.ec2_agents import AGENTS
from tests.support.ec2_drills import DRILLS
from tests.support.moto_images import PLAN

from drillbook.evidence import render_html, render_junit
from drillbook.model import Verdict
from drillbook.providers.ec2.api import Ec2Api
from drillbook.providers.ec2.drill.instance_type import InstanceType

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.ec2_drills.world import Ec2DrillWorld

    from drillbook.run.runner import Outcome


def failed(outcome: Outcome) -> list[str]:
    return [check["name"] for check in outcome.record["checks"] if check["status"] == "failed"]


def check(outcome: Outcome, name: str) -> dict[str, Any]:
    (found,) = [entry for entry in outcome.record["checks"] if entry["name"] == name]
    return dict(found)


def order_of(*operations: str) -> list[str]:
    return [name for name, parameters in DRILLS.asked if name in operations and "DryRun" not in parameters]


def test_a_good_drill_passes_and_leaves_nothing(world: Ec2DrillWorld, driver: Driver) -> None:
    outcome = driver.run()
    assert (outcome.verdict, failed(outcome), outcome.exit_code) == (Verdict.PASS, [], 0), outcome.record["error"]
    record = outcome.record
    assert 4 < record["tracks"][0]["rpo"]["actual_seconds"] < 60
    assert {entry["host"] for entry in record["tracks"][0]["recovery_point"]["chosen"]["machines"]} == set(HOSTS)
    assert record["tracks"][0]["isolated"] is True
    assert [entry["state"] for entry in record["cleanup"]] == ["removed", "removed"]
    assert record["tracks"][0]["facts"]["fully_local_seconds"] >= record["tracks"][0]["rto"]["actual_seconds"]
    assert "fully_read_seconds" not in record["tracks"][0]["facts"]
    assert check(outcome, "the drill's credential at aws is limited to its range")["status"] == "passed"
    assert world.left() == set()
    for report in (render_html(record), render_junit(record)):
        assert "shop-web1: heartbeat found" in report


def test_it_runs_on_cards_that_were_made_and_read_before_and_on_nothing_else(
    world: Ec2DrillWorld, driver: Driver
) -> None:
    assert driver.run(keep=True).verdict is Verdict.PASS
    asked = order_of("CreateNetworkInterface", "DescribeNetworkInterfaces", "RunInstances")
    first = asked.index("RunInstances")
    assert asked[:first].count("CreateNetworkInterface") == len(HOSTS)
    assert (
        "DescribeNetworkInterfaces"
        in asked[len(asked[:first]) - asked[:first][::-1].index("CreateNetworkInterface") : first]
    )
    for card in DRILLS.of("CreateNetworkInterface"):
        assert (card["SubnetId"], card["Groups"]) == (world.subnet, [world.group])
        assert {tag["Key"] for tag in card["TagSpecifications"][0]["Tags"]} == {"Name", "drillbook:run"}
    for run in DRILLS.of("RunInstances"):
        assert not {"SubnetId", "SecurityGroupIds", "SecurityGroups", "KeyName"} & set(run)
        assert [set(card) for card in run["NetworkInterfaces"]] == [{"DeviceIndex", "NetworkInterfaceId"}]
        assert run["MetadataOptions"]["HttpTokens"] == "required"
        assert run["IamInstanceProfile"] == {"Name": PROFILE}
        assert [one["DeviceName"] for one in run["BlockDeviceMappings"]] == ["/dev/sda1", "/dev/sdf"]
        assert all(one["Ebs"] == {"DeleteOnTermination": True} for one in run["BlockDeviceMappings"])
        assert {one["ResourceType"] for one in run["TagSpecifications"]} == {"instance", "volume"}
    assert len({one["ClientToken"] for one in (*DRILLS.of("RunInstances"), *DRILLS.of("CreateNetworkInterface"))}) == 4
    assert len(world.left()) == 4 * len(HOSTS), "an instance, a card and two volumes for each"
    (cleaned,) = driver.cleaner().clean()
    assert (cleaned.left, world.left()) == ((), set())


def test_a_restored_machine_is_called_as_its_original(world: Ec2DrillWorld, driver: Driver) -> None:
    """And nothing else is told to cloud-init: user data can be read by whatever runs inside."""
    assert driver.run().verdict is Verdict.PASS
    hosts = {}
    for run in DRILLS.of("RunInstances"):
        said = b64decode(run["UserData"]).decode()
        assert said.startswith("#cloud-config\n")
        config = yaml.safe_load(said)
        assert set(config) == {"hostname", "preserve_hostname"}
        assert config["preserve_hostname"] is False
        (name,) = [tag["Value"] for tag in run["TagSpecifications"][0]["Tags"] if tag["Key"] == "Name"]
        hosts[config["hostname"]] = name
    assert all(name.endswith(f"-{host}") for host, name in hosts.items())
    assert set(hosts) == set(HOSTS)
    assert world.left() == set()


def other_processor(image: Any) -> None:
    image.architecture = "arm64"


def other_firmware(image: Any) -> None:
    image.boot_mode = "uefi"


def many_cards(image: Any) -> None:
    image.add_tags({"drillbook:cards": "4"})


MISFITS = {
    "another processor": (other_processor, "t3.medium", "it is of arm64, and the type of x86_64"),
    "another firmware": (other_firmware, "m4.large", "it boots by uefi, and the type by legacy-bios"),
    "too many cards": (many_cards, "t3.medium", "it had 4 network interfaces, and the type has 3"),
}


@pytest.mark.parametrize("cause", MISFITS)
def test_an_image_that_the_type_can_t_run_is_refused_by_name(world: Ec2DrillWorld, cause: str) -> None:
    spoil, instance_type, said = MISFITS[cause]
    inventory = world.inventory()
    inventory["all"]["vars"]["drillbook_providers"][0]["drill"]["instance_type"] = instance_type
    for image in world.backend.amis.values():
        if hasattr(image, "drives"):
            spoil(image)
    outcome = Driver(inventory).run()
    assert outcome.verdict is Verdict.ERROR
    for host in HOSTS:
        assert f"{instance_type} can't run the backup of {host}: {said}" in outcome.record["error"]["message"]
    assert (DRILLS.of("CreateNetworkInterface"), DRILLS.of("RunInstances"), world.left()) == ([], [], set())
    assert len(DRILLS.of("DescribeInstanceTypes")) == 1


@pytest.mark.parametrize("mode", ["uefi-preferred", None])
def test_an_image_that_boots_either_way_fits_every_type(world: Ec2DrillWorld, mode: str | None) -> None:
    """As does one of which EC2 does not say how it boots."""
    for image in world.backend.amis.values():
        image.boot_mode = mode
    fit = InstanceType(Ec2Api(world.place, "drill.json"), "m4.large")
    images = world.client.describe_images(Owners=["self"])["Images"]
    assert len(images) == len(HOSTS)
    for image in images:
        fit.refuse_misfit(image, 2, "shop-db")


def test_as_many_cards_as_the_machine_had(world: Ec2DrillWorld, driver: Driver) -> None:
    second = world.client.create_network_interface(SubnetId=world.production_subnet)["NetworkInterface"]
    world.client.attach_network_interface(
        NetworkInterfaceId=second["NetworkInterfaceId"], InstanceId=world.instances["shop-db"], DeviceIndex=1
    )
    world.back_up("shop-db")
    world.remember()
    outcome = driver.run()
    assert outcome.verdict is Verdict.PASS, outcome.record["error"]
    assert check(outcome, "shop-db: cards on the isolated network")["actual"] == "all 2"
    assert sorted(len(run["NetworkInterfaces"]) for run in DRILLS.of("RunInstances")) == [1, 2]


def test_the_second_stage_starts_when_the_first_answers(world: Ec2DrillWorld, driver: Driver) -> None:
    assert driver.run().verdict is Verdict.PASS
    asked = order_of("RunInstances", "DescribeInstanceInformation")
    assert asked.index("DescribeInstanceInformation") < len(asked) - 1 - asked[::-1].index("RunInstances")
    assert world.left() == set()


def spoil_shell(**rules: Any) -> Callable[[Ec2DrillWorld], None]:
    def spoil(world: Ec2DrillWorld) -> None:
        world.write("shop-db", "/bin/sh", shell_rules(**{"reached": (), **rules}))
        world.back_up("shop-db")

    return spoil


def production_answers(world: Ec2DrillWorld) -> None:
    spoil_shell(reached=(f"{world.addresses['other']}:22",))(world)


def the_original_answers(world: Ec2DrillWorld) -> None:
    """Its own address of production is no peer of the drill: a copy has a new one."""
    spoil_shell(reached=(f"{world.addresses['shop-web1']}:22",))(world)


def no_unit(world: Ec2DrillWorld) -> None:
    rules = [
        {**rule, "out": "unit postgresql failed\nopen 127.0.0.1 5432\n"} if rule["contains"] == "systemctl" else rule
        for rule in json.loads(shell_rules(reached=()))
    ]
    world.write("shop-db", "/bin/sh", json.dumps(rules))
    world.back_up("shop-db")


def torn_heartbeat(world: Ec2DrillWorld) -> None:
    world.write("shop-db", HEARTBEAT, "{")
    world.back_up("shop-db")


def foreign_disk(world: Ec2DrillWorld) -> None:
    world.beat("shop-db", name="shop-web1")
    world.back_up("shop-db")


SILENCE = "shop-db: nothing of production answers"
RED = {
    "production answers": (production_answers, SILENCE),
    "the original of another machine answers": (the_original_answers, SILENCE),
    "a name resolves": (spoil_shell(reached=("example.com",)), SILENCE),
    "the internet answers": (spoil_shell(reached=("1.1.1.1:443",)), SILENCE),
    "a failed unit": (no_unit, "shop-db: unit postgresql"),
    "an unreadable file": (spoil_shell(bad=1), "shop-db: every file read"),
    "a torn heartbeat": (torn_heartbeat, "shop-db: heartbeat found"),
    "another machine's disk": (foreign_disk, "shop-db: heartbeat found"),
}


@pytest.mark.parametrize("cause", RED)
def test_what_must_turn_it_red(world: Ec2DrillWorld, driver: Driver, cause: str) -> None:
    spoil, name = RED[cause]
    spoil(world)
    outcome = driver.run()
    implied = ["isolation proven"] if check(outcome, name)["stage"] == "isolation" else []
    assert (outcome.verdict, failed(outcome)) == (Verdict.FAIL, [name, *implied]), outcome.record["error"]
    assert check(outcome, name)["message"]
    assert world.left() == set()


def test_a_dead_network_proves_nothing(world: Ec2DrillWorld, driver: Driver) -> None:
    AGENTS.dead_network = True
    outcome = driver.run()
    assert {f"{host}: its network is alive" for host in HOSTS} < set(failed(outcome))
    assert (outcome.verdict, world.left()) == (Verdict.FAIL, set())


def test_an_old_disk_in_a_new_backup_misses_the_rpo(world: Ec2DrillWorld, driver: Driver) -> None:
    world.beat("shop-db", age=5000)
    world.back_up("shop-db")
    outcome = driver.run()
    assert (outcome.verdict, outcome.record["tracks"][0]["rpo"]["met"], failed(outcome)) == (Verdict.FAIL, False, [])


def no_backup(world: Ec2DrillWorld) -> None:
    for image in world.client.describe_images(Owners=["self"])["Images"]:
        world.client.deregister_image(ImageId=image["ImageId"])


def volume_missing(world: Ec2DrillWorld) -> None:
    PLAN.left_out = {"/dev/sdf"}
    world.back_up("shop-db")


def pending_backup_only(world: Ec2DrillWorld) -> None:
    """What is being taken now is none; the one before is."""
    no_backup(world)
    for host in HOSTS:
        world.back_up(host)
    for image in world.backend.amis.values():
        if hasattr(image, "drives"):
            image.state = "pending"


def another_card(world: Ec2DrillWorld) -> None:
    def attach(backend: Any, instance: Any) -> None:
        instance.attach_eni(backend.create_network_interface(world.production_subnet, None), 1)

    DRILLS.extra_card = attach


def set_plan(plan: Any, **values: Any) -> Callable[[Ec2DrillWorld], None]:
    def apply(_world: Ec2DrillWorld) -> None:
        for name, value in values.items():
            setattr(plan, name, value)

    return apply


BROKEN = {
    "no backup": (no_backup, "there is no backup of shop-db, shop-web1"),
    "backups that are being taken": (pending_backup_only, "there is no backup of shop-db, shop-web1"),
    "a volume is not in the backup": (volume_missing, "/dev/sdf: its volume is not in the image"),
    "the agent is silent": (set_plan(AGENTS, silent=True), "did not answer within 3 s"),
    "the instance ends at once": (set_plan(DRILLS, starts="terminated"), "the instance is terminated: Client.Internal"),
    "the instance does not start": (set_plan(DRILLS, starts="pending"), "it was not running in time"),
    "a quota": (set_plan(DRILLS, fail={"RunInstances": "InstanceLimitExceeded"}), "InstanceLimitExceeded"),
    "another card": (another_card, "and was made with eni-"),
}


@pytest.mark.parametrize("cause", BROKEN)
def test_what_can_t_be_carried_out_says_why_and_leaves_nothing(
    world: Ec2DrillWorld, driver: Driver, cause: str
) -> None:
    breaking, message = BROKEN[cause]
    breaking(world)
    outcome = driver.run()
    assert outcome.verdict is Verdict.ERROR
    assert message in outcome.record["error"]["message"], outcome.record["error"]
    assert outcome.record["error"]["remedy"]
    if cause == "another card":
        assert outcome.exit_code == 4, "its card is where production is, so nothing is touched"
    else:
        assert (outcome.exit_code, world.left()) == (3, set())


def in_another_group(world: Ec2DrillWorld, card: Any) -> None:
    card._group_set.append(world.backend.get_security_group_from_id(world.endpoints))


def with_a_public_address(_world: Ec2DrillWorld, card: Any) -> None:
    card.public_ip = "198.51.100.7"


def with_an_address_of_version_6(_world: Ec2DrillWorld, card: Any) -> None:
    card.ipv6_addresses = ["2001:db8::7"]


@pytest.mark.parametrize("spoil", [in_another_group, with_a_public_address, with_an_address_of_version_6])
def test_nothing_is_run_on_a_card_that_leads_elsewhere(
    world: Ec2DrillWorld, driver: Driver, spoil: Callable[[Ec2DrillWorld, Any], None]
) -> None:
    """The last one that is made: before its own card each restore looks at the whole network, and would refuse to make one."""
    made = []

    def touch(card: Any) -> None:
        made.append(card)
        if len(made) == len(HOSTS):
            spoil(world, card)

    DRILLS.touch_card = touch
    outcome = driver.run()
    assert outcome.verdict is Verdict.FAIL, outcome.record["error"]
    (red,) = set(failed(outcome)) - {"isolation proven"}
    assert red in {f"{host}: cards on the isolated network" for host in HOSTS}
    assert (DRILLS.of("RunInstances"), world.left()) == ([], set())


def test_an_original_address_is_red(world: Ec2DrillWorld, driver: Driver) -> None:
    original = world.backend.get_instance(world.instances["shop-db"]).nics[0].mac_address
    DRILLS.touch_card = lambda card: setattr(card, "mac_address", original.upper())
    outcome = driver.run()
    assert (outcome.verdict, DRILLS.of("RunInstances"), world.left()) == (Verdict.FAIL, [], set())
    assert "shop-db: new hardware addresses" in failed(outcome)


def test_an_answer_that_was_lost_makes_nothing_twice(world: Ec2DrillWorld, driver: Driver) -> None:
    DRILLS.lose_answer = {"CreateNetworkInterface": 2, "RunInstances": 2}
    outcome = driver.run(keep=True)
    assert outcome.verdict is Verdict.PASS, outcome.record["error"]
    assert len(DRILLS.of("RunInstances")) == len(HOSTS) + 2
    assert len(world.left()) == 4 * len(HOSTS)
    driver.cleaner().clean()
    assert world.left() == set()


@pytest.mark.parametrize("operation", ["CreateNetworkInterface", "RunInstances"])
def test_what_is_made_and_never_told_of_is_removed_all_the_same(
    world: Ec2DrillWorld, driver: Driver, operation: str
) -> None:
    DRILLS.lose_answer = {operation: 99}
    outcome = driver.run()
    assert (outcome.verdict, outcome.exit_code) == (Verdict.ERROR, 3)
    assert DRILLS.of(operation)
    assert world.left() == set()


def test_a_throttled_call_is_asked_again(world: Ec2DrillWorld, driver: Driver) -> None:
    DRILLS.throttle = {"RunInstances": 1, "DescribeInstances": 1, "TerminateInstances": 1}
    assert driver.run().verdict is Verdict.PASS
    assert world.left() == set()


def test_what_ec2_tells_of_late_is_waited_for(world: Ec2DrillWorld, driver: Driver) -> None:
    DRILLS.late = 0.5
    outcome = driver.run()
    assert outcome.verdict is Verdict.PASS, outcome.record["error"]
    assert world.left() == set()


def test_a_card_that_is_not_ready_is_waited_for(world: Ec2DrillWorld, driver: Driver) -> None:
    DRILLS.pending_cards = 3
    outcome = driver.run()
    assert outcome.verdict is Verdict.PASS, outcome.record["error"]
    assert world.left() == set()


def test_a_card_that_an_ended_instance_still_holds_is_waited_for(world: Ec2DrillWorld, driver: Driver) -> None:
    DRILLS.held_cards = 4
    outcome = driver.run()
    assert (outcome.verdict, outcome.exit_code) == (Verdict.PASS, 0), outcome.record["error"]
    assert world.left() == set()


def test_volumes_that_become_whole_later_are_a_time_of_their_own(world: Ec2DrillWorld, driver: Driver) -> None:
    DRILLS.progress = [0, 0, 0, 60, 60, 100]
    outcome = driver.run()
    assert outcome.verdict is Verdict.PASS, outcome.record["error"]
    assert len(DRILLS.of("DescribeVolumeStatus")) > len(HOSTS) + 2
    assert (
        outcome.record["tracks"][0]["facts"]["fully_local_seconds"]
        > outcome.record["tracks"][0]["rto"]["actual_seconds"]
    )


def test_volumes_that_do_not_become_whole_in_time_are_an_error(world: Ec2DrillWorld) -> None:
    DRILLS.progress = [40]
    inventory = world.inventory()
    inventory["all"]["vars"]["drillbook_step_timeout_seconds"] = 3
    outcome = Driver(inventory).run()
    assert (outcome.verdict, outcome.exit_code, world.left()) == (Verdict.ERROR, 3, set())
    assert "its volumes were not fetched within 3 s: vol-" in outcome.record["error"]["message"]
    assert "40 %" in outcome.record["error"]["message"]


def test_volumes_of_which_ec2_does_not_tell_are_bounded_by_the_full_read(world: Ec2DrillWorld, driver: Driver) -> None:
    DRILLS.progress = [None]
    outcome = driver.run()
    assert outcome.verdict is Verdict.PASS, outcome.record["error"]
    assert "fully_local_seconds" not in outcome.record["tracks"][0]["facts"]
    assert (
        outcome.record["tracks"][0]["facts"]["fully_read_seconds"]
        > outcome.record["tracks"][0]["rto"]["actual_seconds"]
    )
