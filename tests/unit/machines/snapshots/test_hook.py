"""The service's own playbooks: at rest for the length of a block, and going on whatever happened in it."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.unit.machines.snapshots.fake import FakeProvider, group, nothing
from tests.unit.world import FakeClock, FakePlaybooks

from drillbook.ansible import Order, StepTimeoutError, Watcher
from drillbook.errors import ConfigurationError, InfrastructureError
from drillbook.machines.snapshots import GroupSnapshots, Hooked, Limits, ServiceHook, new_hook_id
from drillbook.model import Check, CheckStatus, Quiesce, QuiesceHook, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOOK = QuiesceHook("playbooks/quiesce_shop.yml", "playbooks/resume_shop.yml", timedelta(seconds=7))
AT_REST, GOES_ON = "the service of shop is at rest", "the service of shop goes on"


class World:
    """A group with a hook, and whether its guard was released: one that was not runs the resume playbook itself."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.playbooks = FakePlaybooks()
        self.said: list[str] = []
        self.released = False
        self.hooked = Hooked(directory, (), False, directory / "state", "shop", HOOK, new_hook_id("shop"))
        self.hook = ServiceHook(self.playbooks, self.hooked)

    @contextmanager
    def guard(self) -> Iterator[Callable[[], None]]:
        assert self.playbooks.orders == [], "the guard must be there before anything is at rest"
        yield lambda: setattr(self, "released", True)

    def fail(self, step: str) -> None:
        def failing(order: Order, watcher: Watcher, stop: Callable[[], str | None]) -> None:
            raise StepTimeoutError(f"{step} hung", where=f"step {step}", remedy="See why.")

        self.playbooks.acts[step] = failing


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_playbooks_run_for_the_group_within_their_time(world: World) -> None:
    with world.hook.at_rest(world.guard, world.said.append):
        assert world.playbooks.steps == ["quiesce"]
        assert world.said == [AT_REST]
    assert world.playbooks.steps == ["quiesce", "resume"]
    assert (world.said, world.released) == ([AT_REST, GOES_ON], True)
    for order, playbook in zip(world.playbooks.orders, (HOOK.quiesce_playbook, HOOK.resume_playbook), strict=True):
        assert (order.playbook, order.timeout, order.variables) == (playbook, HOOK.timeout, {"quiesce_group": "shop"})
        assert order.run_id == world.hooked.run_id
    assert list((world.directory / "state" / "hooks").iterdir()) == []


def test_two_times_at_rest_are_told_apart() -> None:
    assert new_hook_id("shop") != new_hook_id("shop")


def test_a_service_that_does_not_come_to_rest_goes_on_and_the_block_is_not_entered(world: World) -> None:
    world.fail("quiesce")
    with (
        pytest.raises(InfrastructureError, match="no snapshot was taken: quiesce hung") as caught,
        world.hook.at_rest(world.guard, world.said.append),
    ):
        pytest.fail("the block was entered")
    assert world.playbooks.steps == ["quiesce", "resume"]
    assert (world.released, world.said, caught.value.exit_code) == (True, [GOES_ON], 3)


@pytest.mark.parametrize(
    "error", [InfrastructureError("disk full", where="web1", remedy="Nothing."), KeyboardInterrupt()]
)
def test_whatever_ends_the_block_the_service_goes_on(world: World, error: BaseException) -> None:
    with pytest.raises(type(error)), world.hook.at_rest(world.guard, world.said.append):
        raise error
    assert world.playbooks.steps == ["quiesce", "resume"]
    assert world.released


def test_a_service_that_does_not_go_on_is_an_error_that_says_what_to_do_and_left_to_the_guard(world: World) -> None:
    world.fail("resume")
    with pytest.raises(InfrastructureError) as caught, world.hook.at_rest(world.guard, world.said.append):
        pass
    assert "the service may still be at rest: resume hung" in str(caught.value)
    assert "`drillbook snapshot thaw shop`" in caught.value.remedy
    assert "`ansible-playbook playbooks/resume_shop.yml -e quiesce_group=shop`" in caught.value.remedy
    assert (world.released, world.said, caught.value.exit_code) == (False, [AT_REST], 3)


def test_what_failed_before_is_told_too(world: World) -> None:
    world.fail("quiesce")
    world.fail("resume")
    with pytest.raises(InfrastructureError) as caught, world.hook.at_rest(world.guard, world.said.append):
        pytest.fail("the block was entered")
    assert "resume hung (before that: the service could not be brought to rest" in caught.value.message
    assert "quiesce hung" in caught.value.message


@pytest.mark.parametrize(("status", "refused"), [(CheckStatus.FAILED, True), (CheckStatus.PASSED, False)])
def test_a_failed_check_is_a_failed_playbook(world: World, status: CheckStatus, refused: bool) -> None:
    def reports(order: Order, watcher: Watcher, stop: Callable[[], str | None]) -> None:
        watcher.check(Check(name="queue is empty", stage=Stage.VERIFY, status=status, message="3 left", remedy="Wait."))

    world.playbooks.acts["quiesce"] = reports
    if refused:
        with (
            pytest.raises(InfrastructureError, match="queue is empty: 3 left"),
            world.hook.at_rest(world.guard, world.said.append),
        ):
            pytest.fail("the block was entered")
    else:
        with world.hook.at_rest(world.guard, world.said.append):
            pass
    assert world.playbooks.steps == ["quiesce", "resume"]


def test_no_snapshot_is_taken_of_a_service_that_does_not_come_to_rest(world: World) -> None:
    world.fail("quiesce")
    provider = FakeProvider()
    snapshots = GroupSnapshots(
        provider,
        FakeClock(),
        Limits(workers=1, timeout=timedelta(seconds=5)),
        guard=nothing,
        hook=lambda: world.hook.at_rest(world.guard, world.said.append),
        tell=world.said.append,
    )
    shop = group(quiesce=Quiesce.HOOK)
    with pytest.raises(InfrastructureError, match="could not be brought to rest"):
        snapshots.create(shop, provider.find(shop.hosts))
    assert [host for verb, host in provider.events if verb == "take"] == []
    assert world.playbooks.steps[-1] == "resume"


@pytest.mark.parametrize("missing", [HOOK.quiesce_playbook, HOOK.resume_playbook])
def test_a_missing_playbook_is_refused_before_anything_is_at_rest(world: World, missing: str) -> None:
    (world.directory / "playbooks").mkdir()
    for playbook in (HOOK.quiesce_playbook, HOOK.resume_playbook):
        (world.directory / playbook).write_text("[]")
    world.hooked.refuse()
    (world.directory / missing).unlink()
    with pytest.raises(ConfigurationError, match=f"there is no {missing}"):
        world.hooked.refuse()
