"""Programs inside, by Systems Manager: what they said is passed on whole, or it is an error."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.contract.ec2_drills.world import POLL, RULES
from tests.support.clocks import Hurried
from tests.support.ec2_agents import AGENTS, PASSED_ON
from tests.support.ec2_drills import DRILLS

from drillbook.errors import InfrastructureError, RefusedError
from drillbook.providers.ec2.api import Ec2Api
from drillbook.providers.ec2.drill.systems_manager import SystemsManager

if TYPE_CHECKING:
    from tests.contract.ec2_drills.world import Ec2DrillWorld

    from drillbook.model import Machine
    from drillbook.providers.ec2.restores import Ec2Restores

LIMIT = timedelta(seconds=10)


def restored(world: Ec2DrillWorld) -> tuple[Ec2Restores, Machine]:
    restores = world.restores()
    (backup, *_older) = reversed(restores.backups(("shop-db",), RULES))
    machine = restores.restore(restores.claim("shop-db", "run", ()), backup, LIMIT)
    restores.start(machine, LIMIT)
    return restores, machine


def shell(world: Ec2DrillWorld, *rules: dict[str, object]) -> None:
    world.write("shop-db", "/bin/sh", json.dumps(rules))
    world.back_up("shop-db")


@pytest.mark.parametrize(("code", "out"), [(0, "one\ntwo\n"), (3, ""), (0, "no newline"), (96, "drillbook:end 0\n")])
def test_what_it_said_and_how_it_ended(world: Ec2DrillWorld, code: int, out: str) -> None:
    shell(world, {"contains": "whoami", "exitcode": code, "out": out})
    restores, machine = restored(world)
    answer = restores.run(machine, "whoami", LIMIT)
    assert (answer.exit_code, answer.output) == (code, out)
    (sent,) = [one for one in DRILLS.of("SendCommand") if "Parameters" in one]
    assert sent["Parameters"]["executionTimeout"] == ["10"]


def test_much_that_packs_well_is_passed_on(world: Ec2DrillWorld) -> None:
    """A probe of hundreds of addresses says more than Systems Manager passes on as it is."""
    out = "".join(f"silent 192.0.2.{number % 256} {port}\n" for number in range(300) for port in (22, 80, 443, 5432))
    assert len(out) > PASSED_ON
    shell(world, {"contains": "try", "out": out})
    restores, machine = restored(world)
    assert restores.run(machine, "try 1 2", LIMIT).output == out


def test_what_was_cut_off_is_no_answer(world: Ec2DrillWorld) -> None:
    world.write("shop-db", "/etc/large", secrets.token_hex(40000))
    world.write("shop-db", "/etc/small", "small\n")
    world.back_up("shop-db")
    restores, machine = restored(world)
    with pytest.raises(InfrastructureError, match="said more than Systems Manager passes on"):
        restores.read(machine, "/etc/large")
    assert restores.read(machine, "/etc/small") == "small\n"
    assert restores.read(machine, "/etc/none") is None


@pytest.mark.parametrize(
    ("status", "details", "said"),
    [
        ("TimedOut", "", "TimedOut"),
        ("TimedOut", "Execution Timed Out", "ExecutionTimedOut"),
        ("Cancelled", "", "Cancelled"),
        ("Failed", "", "Failed"),
    ],
)
def test_what_did_not_end_well_is_no_answer(world: Ec2DrillWorld, status: str, details: str, said: str) -> None:
    """And is not asked again: it may have done something."""
    shell(world, {"contains": "whoami", "out": "root\n"})
    restores, machine = restored(world)
    AGENTS.status, AGENTS.details = status, details
    with pytest.raises(InfrastructureError, match=rf"Systems Manager says {said} \(in"):
        restores.run(machine, "whoami", LIMIT)
    assert len(DRILLS.of("SendCommand")) == 1


def test_an_agent_may_be_slow(world: Ec2DrillWorld) -> None:
    """While everything in the machine starts, and its disk is still fetched."""
    shell(world, {"contains": "whoami", "out": "root\n"})
    restores, machine = restored(world)
    AGENTS.fetches_after = 100
    assert restores.run(machine, "whoami", LIMIT).output == "root\n"
    assert len(DRILLS.of("SendCommand")) == 1


def test_what_was_not_delivered_is_sent_again(world: Ec2DrillWorld) -> None:
    shell(world, {"contains": "whoami", "out": "root\n"})
    restores, machine = restored(world)
    AGENTS.undelivered = 2
    assert restores.run(machine, "whoami", LIMIT).output == "root\n"
    assert (len(DRILLS.of("SendCommand")), len(AGENTS.scripts)) == (3, 1)


def fails(world: Ec2DrillWorld, machine: Machine) -> tuple[str, Hurried]:
    """Why a program that is given ten seconds did not end, and what that took."""
    (instance,) = [name for name in world.left() if name.startswith("i-")]
    clock = Hurried()
    guests = SystemsManager(Ec2Api(world.place, "drill.json").of_service("ssm"), clock, POLL)
    with pytest.raises(InfrastructureError) as refusal:
        guests.run(machine, instance, "whoami", LIMIT)
    return refusal.value.message, clock


def test_what_is_never_delivered_is_given_up(world: Ec2DrillWorld) -> None:
    _restores, machine = restored(world)
    AGENTS.undelivered = 99
    message, clock = fails(world, machine)
    assert message == "a program inside was not fetched in time"
    assert timedelta(minutes=2) < clock.slept < timedelta(minutes=6)


def test_what_never_ends_is_given_up(world: Ec2DrillWorld) -> None:
    _restores, machine = restored(world)
    AGENTS.hangs = True
    message, clock = fails(world, machine)
    assert message == "a program inside did not end within 10 s"
    assert timedelta(minutes=2) < clock.slept < timedelta(minutes=6)


def test_asked_for_again_nothing_is_made_twice(world: Ec2DrillWorld) -> None:
    """By whoever holds the claim: EC2 knows it by the client token, which is the claim's."""
    for _time in range(2):
        restored(world)
    assert len(DRILLS.of("RunInstances")) == len(DRILLS.of("CreateNetworkInterface")) == 2
    assert len(world.left()) == 4, "an instance, a card and two volumes"


def test_only_what_this_run_restored_is_started(world: Ec2DrillWorld) -> None:
    _restores, machine = restored(world)
    with pytest.raises(RefusedError, match="only what this run restored"):
        world.restores().start(machine, LIMIT)


def test_another_hosts_backup_is_refused(world: Ec2DrillWorld) -> None:
    restores = world.restores()
    (backup, *_older) = restores.backups(("shop-web1",), RULES)
    with pytest.raises(RefusedError, match="there is no such backup of shop-db"):
        restores.restore(restores.claim("shop-db", "run", ()), backup, LIMIT)
    assert DRILLS.of("CreateNetworkInterface") == []


def test_a_lost_name_is_replaced_by_another(world: Ec2DrillWorld) -> None:
    restores = world.restores()
    first = restores.claim("shop-db", "run", ())
    second = restores.claim("shop-db", "run", {first.identifier})
    assert second.identifier == f"{first.identifier}-2"
    restores.destroy(second, LIMIT)
