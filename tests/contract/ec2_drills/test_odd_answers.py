"""What answers in EC2's and in Systems Manager's place while a copy is made, used and removed may say what it likes: one error of ours."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.ec2_drills.world import HOSTS, RULES
from tests.contract.providers.test_ec2_answers import Spoiling
from tests.support.clocks import Hurried
from tests.support.hostile import COUNT, refusals

from drillbook.providers.ec2 import api
from drillbook.providers.ec2.api import Ec2Api
from drillbook.providers.ec2.restores import Ec2Restores

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.ec2_drills.world import Ec2DrillWorld

    from drillbook.model import Claim

LIMIT = timedelta(seconds=20)


def verbs(restores: Ec2Restores, kept: Claim, another: Claim) -> list[Callable[[], Any]]:
    """What a drill asks of its copy, made and running; and of one more, which is made and removed each time."""
    (backup,) = restores.backups(HOSTS[:1], RULES)
    machine = restores.restore(kept, backup, LIMIT)
    restores.start(machine, LIMIT)
    return [
        lambda: restores.backups(HOSTS, RULES),
        lambda: restores.cards(machine),
        lambda: restores.forbidden_macs(backup),
        lambda: restores.start(restores.restore(another, backup, LIMIT), LIMIT),
        lambda: restores.destroy(another, LIMIT),
        lambda: restores.finish(machine, LIMIT),
        lambda: restores.answers(machine),
        lambda: restores.read(machine, "/etc/hostname"),
        lambda: restores.overreach(HOSTS),
    ]


@pytest.mark.parametrize("count", [COUNT // 8, pytest.param(COUNT, marks=pytest.mark.slow)])
def test_odd_answers_are_each_an_answer_or_one_error(
    world: Ec2DrillWorld, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """And in the end a removal, which is told the truth, finds all that was made meanwhile."""
    restores = Ec2Restores(Ec2Api(world.place, "drill.json"), world.place, world.range(), Hurried(), poll=LIMIT / 1000)
    claims = [restores.claim(HOSTS[0], run, ()) for run in ("one", "two")]
    asked = verbs(restores, *claims)
    chance = random.Random(2026)  # noqa: S311 - the same each time, and no secret
    spoil = Spoiling(chance)
    with monkeypatch.context() as patch:
        patch.setattr(api, "complete", spoil)
        assert refusals(asked, lambda: spoil.given, count) > count // 50
    for claim in claims:
        world.restores().destroy(claim, world.limit)
    assert world.left() == set()
