"""What answers in Proxmox VE's place may answer what it likes: each verb then has an answer, or one error of ours."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from proxmoxer.backends import https
from tests.contract.providers.proxmox import HOSTS, ProxmoxWorld, shop
from tests.support.clocks import Hurried
from tests.support.hostile import COUNT, ODD, refusals, spoiled
from tests.support.proxmox import ProxmoxServer

from drillbook.errors import DrillbookError, InfrastructureError, MalformedDataError, UnknownOutcomeError
from drillbook.model import BackupNote, Quiesce
from drillbook.providers.proxmox import api
from drillbook.providers.proxmox.recoveries import ProxmoxRecoveries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from drillbook.model import Backup, Machine

LIMIT = timedelta(seconds=20)
NAME = "drillbook-20260131T120000Z"
HOST = HOSTS[0]


@pytest.fixture
def hurried(tmp_path: Path) -> Iterator[ProxmoxWorld]:
    """The shop, and a clock whose pauses are a minute: what never comes is waited for in no time."""
    with ProxmoxServer(shop()) as server:
        yield ProxmoxWorld(server, tmp_path / "tokens", Hurried())


def back_up(world: ProxmoxWorld) -> tuple[Machine, Backup]:
    (machine,) = world.backups.find((HOST,))
    note = BackupNote(machine.host, "shop", "one", machine.identifier).render()
    return machine, world.backups.back_up(machine, world.rules, note=note, timeout=LIMIT)


def verbs(world: ProxmoxWorld) -> list[Callable[[], Any]]:
    """What is asked for in the shop, reading and writing."""
    machine, backup = back_up(world)
    tokens = world.place.tokens_directory
    assert tokens is not None
    taking, saving = world.snapshots, world.backups
    recoveries = ProxmoxRecoveries(saving._api, tokens / "backups.json", Hurried())
    taking.take(machine, NAME, ram=False, note="", timeout=LIMIT)
    return [
        lambda: taking.find(HOSTS),
        lambda: taking.snapshots(machine),
        lambda: taking.refusal(machine, ram=False, quiesce=Quiesce.NONE),
        lambda: taking.look_again(machine),
        lambda: taking.explain_lock(machine),
        lambda: taking.freeze(machine, LIMIT),
        lambda: taking.thaw(machine, LIMIT),
        lambda: taking.take(machine, f"{NAME}-2", ram=False, note="", timeout=LIMIT),
        lambda: taking.remove(machine, f"{NAME}-2", LIMIT),
        lambda: taking.go_back(machine, NAME, LIMIT),
        lambda: taking.start(machine, LIMIT),
        lambda: saving.refusal(machine, world.rules),
        lambda: back_up(world),
        lambda: saving.backups(HOSTS, world.rules),
        lambda: saving.fault(backup, world.rules, LIMIT),
        lambda: saving.protect(backup, protected=False),
        lambda: recoveries.backups((HOST,), world.rules),
        lambda: recoveries.standing((backup,)),
        lambda: recoveries.has_own_cards(machine, backup),
        lambda: recoveries.in_their_pools((backup,)),
        lambda: recoveries.left_behind(machine, backup),
        lambda: recoveries.fault(backup, world.rules, LIMIT),
        lambda: recoveries.read(machine, "/etc/hostname"),
        lambda: recoveries.run(machine, "true", LIMIT),
    ]


@pytest.mark.parametrize("count", [COUNT // 4, pytest.param(COUNT, marks=pytest.mark.slow)])
def test_odd_answers_are_each_an_answer_or_one_error(
    hurried: ProxmoxWorld, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Of other types, out of range, without what is read of them; before anybody reads them they are looked at."""
    asked = verbs(hurried)
    chance = random.Random(2026)  # noqa: S311 - the same each time, and no secret
    real, given = api.understood, 0

    def odd(method: str, path: str, answer: Any, where: str) -> Any:
        nonlocal given
        given += 1
        sort = chance.random()
        if sort < 0.5:
            answer = spoiled(answer, chance)
        elif sort < 0.6:
            answer = chance.choice(ODD)
        return real(method, path, answer, where)

    monkeypatch.setattr(api, "understood", odd)
    assert refusals(asked, lambda: given, count) > count // 20


@pytest.fixture
def body(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Says what stands in each body from now on."""
    real = https.JsonSerializer.loads

    def say(content: bytes) -> None:
        def loads(serializer: Any, response: Any) -> Any:
            response._content = content
            return real(serializer, response)

        monkeypatch.setattr(https.JsonSerializer, "loads", loads)

    return say


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"{}", b'{"data', b"\xff\xfe", b'{"data":' * 5000, b"null"])
def test_a_body_that_is_another_s_is_said(hurried: ProxmoxWorld, body: Callable[[bytes], None], content: bytes) -> None:
    """As a proxy's page in front of the node, with status 200."""
    (machine,) = hurried.snapshots.find((HOST,))
    body(content)
    with pytest.raises(MalformedDataError, match="no answer of Proxmox VE") as told:
        hurried.snapshots.find((HOST,))
    assert "GET /cluster/resources" in told.value.where
    with pytest.raises(DrillbookError):
        hurried.snapshots.freeze(machine, LIMIT)


def test_a_write_whose_answer_names_no_task_may_have_been_done(
    hurried: ProxmoxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So its task is looked for, and found here: nothing is asked for twice."""
    (machine,) = hurried.snapshots.find((HOST,))
    real = api.understood
    monkeypatch.setattr(
        api,
        "understood",
        lambda method, path, answer, where: None if method == "post" else real(method, path, answer, where),
    )
    hurried.snapshots.take(machine, NAME, ram=False, note="", timeout=LIMIT)
    assert len(hurried.control.served("POST", "/snapshot")) == 1
    monkeypatch.setattr(api, "understood", lambda *_: [] if _[0] == "get" else "OK")
    with pytest.raises(UnknownOutcomeError, match="the answer names no task"):
        hurried.snapshots.go_back(machine, NAME, LIMIT)


def test_a_backup_without_its_time_is_named(hurried: ProxmoxWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The official schema lets it be left out; when it was taken decides what is restored and what is pruned."""
    _machine, backup = back_up(hurried)
    real = api.understood

    def without(method: str, path: str, answer: Any, where: str) -> Any:
        for entry in answer if path.endswith("/content") else ():
            entry.pop("ctime")
        return real(method, path, answer, where)

    monkeypatch.setattr(api, "understood", without)
    with pytest.raises(InfrastructureError, match="a backup without its time") as told:
        hurried.backups.backups((HOST,), hurried.rules)
    assert backup.identifier in told.value.where
