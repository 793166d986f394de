"""Programs inside, by Systems Manager: what they said is passed on whole, or it is an error."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.contract.ec2_drills.world import RULES
from tests.support.ec2_agents import AGENTS, PASSED_ON
from tests.support.ec2_drills import DRILLS

from drillbook.errors import InfrastructureError, RefusedError
from drillbook.providers.ec2 import drill_guests

if TYPE_CHECKING:
    from tests.contract.ec2_drills.world import Ec2DrillWorld

    from drillbook.model import Machine
    from drillbook.providers.ec2 import Ec2Restores

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


@pytest.mark.parametrize("status", ["TimedOut", "Cancelled", "Failed"])
def test_what_did_not_end_well_is_no_answer(world: Ec2DrillWorld, status: str) -> None:
    shell(world, {"contains": "whoami", "out": "root\n"})
    restores, machine = restored(world)
    AGENTS.status = status
    with pytest.raises(InfrastructureError, match=f"Systems Manager says {status}"):
        restores.run(machine, "whoami", LIMIT)


def test_what_never_ends_is_given_up(world: Ec2DrillWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    restores, machine = restored(world)
    monkeypatch.setattr(drill_guests, "GRACE", timedelta(seconds=0.1))
    AGENTS.hangs = True
    with pytest.raises(InfrastructureError, match="a program inside did not end within"):
        restores.run(machine, "sleep 1000", timedelta(seconds=0.2))


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
