"""SIGKILL while a call of each kind is under way: the successor removes exactly what was made, and nothing that a ledger merely claims."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.ec2_drills.world import RULES
from tests.support.ec2_drills import DRILLS

from drillbook.clock import SystemClock
from drillbook.errors import RefusedError
from drillbook.journal.ledger import Ledger, machine_resource
from drillbook.model import Claim
from drillbook.providers.ec2.drill import removal
from drillbook.providers.ec2.drill.claim_names import RUN_TAG, name_for, tags_for
from drillbook.providers.ec2.drill.removal import SETTLED
from drillbook.providers.ec2.tags import as_tags

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.ec2_drills.world import Ec2DrillWorld
    from tests.contract.machine_drills.driver import Driver

ROOT = Path(__file__).resolve().parents[3]
# Calls that change something, and one while the machines run; each is done a second after it was asked for, so after the kill.
MOMENTS = ("CreateNetworkInterface", "RunInstances", "SendCommand", "TerminateInstances", "DeleteNetworkInterface")


def start(world: Ec2DrillWorld, verb: str) -> subprocess.Popen[str]:
    inventory = world.state_directory.parent / "inventory.json"
    inventory.write_text(json.dumps(world.inventory()), encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, "-m", "tests.contract.ec2_drills.driver", str(inventory), verb],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}/scripts:{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(child: subprocess.Popen[str]) -> Any:
    stdout, stderr = child.communicate(timeout=90)
    assert stdout, stderr
    return json.loads(stdout)


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def asked(moment: str) -> bool:
    """Really asked for: the gate's tries come before."""
    if moment == "SendCommand":
        return any("Parameters" in one for one in DRILLS.of(moment))
    return bool(DRILLS.of(moment))


@pytest.mark.parametrize("moment", MOMENTS)
def test_sigkill_is_cleaned_up_by_a_successor(world: Ec2DrillWorld, moment: str) -> None:
    DRILLS.slow = {moment: 1.0}
    child = start(world, "run")
    wait_for(lambda: asked(moment) or child.poll() is not None, moment)
    assert child.poll() is None, child.communicate()
    os.kill(child.pid, signal.SIGKILL)
    child.communicate(timeout=10)
    cleaned = finish(start(world, "clean"))
    assert [(entry["left"], entry["closed"], entry["problem"]) for entry in cleaned] == [([], True, None)]
    assert world.left() == set()


def test_what_appears_after_the_successor_has_begun_is_removed(
    world: Ec2DrillWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that was under way when the run was killed is carried out all the same, and told of late."""
    monkeypatch.setattr(removal, "SETTLED", timedelta(seconds=4))
    claim, restores = claim_of("dead"), world.restores()
    restores.backups(("shop-db",), RULES)
    world.client.create_network_interface(
        SubnetId=world.subnet,
        ClientToken="late",
        TagSpecifications=[{"ResourceType": "network-interface", "Tags": tags_for(claim)}],
    )
    DRILLS.late = 2.0
    restores.destroy(claim, SETTLED)
    assert world.left() == set()


def test_sigterm_ends_the_run_in_the_ordinary_way(world: Ec2DrillWorld) -> None:
    DRILLS.slow = {"RunInstances": 1.0}
    child = start(world, "run")
    wait_for(lambda: asked("RunInstances"), "RunInstances")
    os.kill(child.pid, signal.SIGTERM)
    record = finish(child)
    assert (record["verdict"], record["leftovers"]) == ("ERROR", [])
    assert "SIGTERM" in record["error"]["message"]
    assert world.left() == set()


def claim_of(run_id: str) -> Claim:
    return Claim("aws", "shop-db", name_for("shop-db", run_id, ()), run_id)


def hostile(world: Ec2DrillWorld, driver: Driver, identifier: str) -> str:
    """A dead run's ledger that claims what is not its own; returns what the successor says."""
    directory = world.state_directory / "runs" / "dead"
    directory.mkdir(parents=True)
    Ledger(directory, SystemClock()).intend(machine_resource(Claim("aws", "shop-db", identifier, "dead")))
    before = world.left()
    (entry,) = driver.cleaner().clean()
    assert entry.left == (f"machine aws: {identifier}",)
    assert world.left() == before
    assert not [name for name, _parameters in DRILLS.asked if name.startswith(("Terminate", "Delete"))]
    return str(entry.problem)


NAMES: dict[str, Callable[[Ec2DrillWorld], str]] = {
    "a machine of production by its id": lambda world: world.instances["shop-db"],
    "a machine of production by its name": lambda _world: "shop-db",
    "another run's name": lambda _world: name_for("shop-db", "alive", ()),
    "another host's name": lambda _world: name_for("shop-web1", "dead", ()),
    "more than a name": lambda _world: name_for("shop-db", "dead", ()) + "*",
    "nothing": lambda _world: "",
}


@pytest.mark.parametrize("what", NAMES)
def test_a_name_that_the_run_does_not_give_is_left_alone(world: Ec2DrillWorld, driver: Driver, what: str) -> None:
    directory = world.state_directory / "runs" / "dead"
    identifier = NAMES[what](world)
    if identifier:
        assert "is no name that a drill's run gives" in hostile(world, driver, identifier)
    else:
        with pytest.raises(RefusedError, match="is no name"):
            world.restores().destroy(Claim("aws", "shop-db", "", "dead"), SETTLED)
        assert not directory.exists()


def run(world: Ec2DrillWorld, subnet: str, **tags: str) -> str:
    """Somebody's instance, which is called as the dead run would call its own."""
    made = world.client.run_instances(
        ImageId=next(iter(world.backend.amis)),
        MinCount=1,
        MaxCount=1,
        SubnetId=subnet,
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": as_tags({"Name": claim_of("dead").identifier, **tags})}
        ],
    )
    return str(made["Instances"][0]["InstanceId"])


def volume_of_production(world: Ec2DrillWorld) -> None:
    (volume, *_rest) = world.client.describe_volumes(
        Filters=[{"Name": "attachment.instance-id", "Values": [world.instances["shop-db"]]}]
    )["Volumes"]
    world.client.create_tags(Resources=[volume["VolumeId"]], Tags=tags_for(claim_of("dead")))


def card_of_production(world: Ec2DrillWorld) -> None:
    card = world.backend.get_instance(world.instances["shop-db"]).nics[0].id
    world.client.create_tags(Resources=[card], Tags=tags_for(claim_of("dead")))


def with_a_card_elsewhere(world: Ec2DrillWorld) -> None:
    instance = run(world, world.subnet, **{RUN_TAG: "dead"})
    card = world.client.create_network_interface(SubnetId=world.production_subnet)["NetworkInterface"]
    world.client.attach_network_interface(
        NetworkInterfaceId=card["NetworkInterfaceId"], InstanceId=instance, DeviceIndex=1
    )


THINGS: dict[str, tuple[Callable[[Ec2DrillWorld], object], str]] = {
    "no run's": (lambda world: run(world, world.subnet), "does not carry the tag drillbook:run=dead"),
    "another run's": (
        lambda world: run(world, world.subnet, **{RUN_TAG: "alive"}),
        "does not carry the tag drillbook:run=dead",
    ),
    "in another subnet": (
        lambda world: run(world, world.production_subnet, **{RUN_TAG: "dead"}),
        "is not in subnet-",
    ),
    "with a card in another subnet": (with_a_card_elsewhere, "has a card that is not in subnet-"),
    "a volume that production has": (volume_of_production, "is attached to i-"),
    "a card that production has": (card_of_production, "is not in subnet-"),
}


@pytest.mark.parametrize("what", THINGS)
def test_what_only_has_the_name_is_left_alone(world: Ec2DrillWorld, driver: Driver, what: str) -> None:
    make, why = THINGS[what]
    make(world)
    said = hostile(world, driver, claim_of("dead").identifier)
    assert why in said
    assert "left alone" in said


def test_the_same_thing_with_name_tag_and_subnet_is_removed(world: Ec2DrillWorld) -> None:
    run(world, world.subnet, **{RUN_TAG: "dead"})
    world.restores().destroy(claim_of("dead"), SETTLED)
    assert [one for one in world.left() if not one.startswith("eni-")] == [], "moto leaves a card of its own"
