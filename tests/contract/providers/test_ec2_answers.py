"""What answers in EC2's place may leave out or say what it likes, in the types that botocore makes of it: one error of ours."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.providers.ec2 import HOSTS
from tests.support.clocks import Hurried
from tests.support.hostile import COUNT, ODD, refusals, spoiled

from drillbook.model import BackupNote, Quiesce
from drillbook.providers.ec2 import api
from drillbook.providers.ec2.backups import Ec2Backups
from drillbook.providers.ec2.snapshots import Ec2Snapshots

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.providers.ec2 import Ec2World

LIMIT = timedelta(seconds=20)
NAME = "drillbook-20260131T120000Z"
HOST = HOSTS[0]
MOMENTS = (
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
)
TEXTS = [one for one in ODD if isinstance(one, str)]


def odd_value(value: Any, chance: random.Random) -> Any:
    """Something else of the same type: botocore makes no other of an answer."""
    if isinstance(value, datetime):
        return chance.choice(MOMENTS)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return chance.choice((-1, 0, 2**31))
    return chance.choice(TEXTS) if isinstance(value, str) else type(value)()


class Spoiling:
    """Stands for `api.complete`: of each answer more than half come odd, and all are counted."""

    def __init__(self, chance: random.Random) -> None:
        self.given = 0
        self._chance, self._real = chance, api.complete

    def __call__(self, answer: Any, where: str) -> Any:
        self.given += 1
        odd = self._chance.random() < 0.6
        return self._real(spoiled(answer, self._chance, self._odd) if odd else answer, where)

    def _odd(self, value: Any) -> Any:
        return odd_value(value, self._chance)


def verbs(world: Ec2World) -> list[Callable[[], Any]]:
    """What is asked for in the shop, reading and writing."""
    taking, saving = Ec2Snapshots(world.api, Hurried()), Ec2Backups(world.backups_api, Hurried())
    (machine,) = saving.find((HOST,))
    note = BackupNote(machine.host, "shop", "one", machine.identifier).render()
    backup = saving.back_up(machine, world.rules, note=note, timeout=LIMIT)
    taking.take(machine, NAME, ram=False, note="", timeout=LIMIT)
    return [
        lambda: taking.find(HOSTS),
        lambda: taking.snapshots(machine),
        lambda: taking.refusal(machine, ram=False, quiesce=Quiesce.NONE),
        lambda: taking.remove(machine, NAME, LIMIT),
        lambda: taking.start(machine, LIMIT),
        lambda: saving.refusal(machine, world.rules),
        lambda: saving.back_up(machine, world.rules, note=note, timeout=LIMIT),
        lambda: saving.backups(HOSTS, world.rules),
        lambda: saving.fault(backup, world.rules, LIMIT),
        lambda: saving.protect(backup, protected=False),
    ]


@pytest.mark.parametrize("count", [COUNT // 8, pytest.param(COUNT, marks=pytest.mark.slow)])
def test_odd_answers_are_each_an_answer_or_one_error(
    ec2: Ec2World, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    asked = verbs(ec2)
    chance = random.Random(2026)  # noqa: S311 - the same each time, and no secret
    spoil = Spoiling(chance)
    monkeypatch.setattr(api, "complete", spoil)
    assert refusals(asked, lambda: spoil.given, count) > count // 50
