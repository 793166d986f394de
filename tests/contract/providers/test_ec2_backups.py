"""What is EC2's own about backups: images, their snapshots, copies in a second region, and calls that are cut off."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.providers.ec2 import REGION, SECOND_REGION, actions_of, documented_policy, listen
from tests.support.moto_images import PLAN

from drillbook.clock import SystemClock
from drillbook.errors import ConfigurationError, InfrastructureError, UnknownOutcomeError
from drillbook.model import Backup, BackupMode, BackupNote, BackupRules, Machine
from drillbook.providers.ec2 import api, images
from drillbook.providers.ec2.backups import Ec2Backups

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.providers.ec2 import Ec2World

HOW_TO = Path(__file__).resolve().parents[3] / "docs/how-to/backups.md"
LIMIT = timedelta(seconds=5)
HOST = "shop-db"


def back_up(world: Ec2World, run: str = "one", **rules: Any) -> Backup:
    (machine,) = world.backups.find((HOST,))
    note = BackupNote(HOST, "shop", run, machine.identifier).render()
    return world.backups.back_up(machine, replace(world.rules, **rules), note=note, timeout=LIMIT)


@pytest.fixture
def machine(ec2: Ec2World) -> Machine:
    (found,) = ec2.backups.find((HOST,))
    return found


def asked(operation: str) -> list[dict[str, Any]]:
    return [one for one in PLAN.asked if one["operation"] == operation]


def test_what_it_can_not_do_is_refused_by_name(
    ec2: Ec2World, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def why(**rules: Any) -> str | None:
        return ec2.backups.refusal(machine, replace(ec2.rules, **rules))

    assert why() is None
    assert "can't suspend" in (why(mode=BackupMode.SUSPEND) or "")
    assert f"copy_to_region is {REGION}" in (why(copy_to_region=REGION) or "")
    real = ec2.backups_api.pages

    def rooted_elsewhere(*names: Any, **parameters: Any) -> Any:
        found: Any = real(*names, **parameters)
        found[0]["Instances"][0]["RootDeviceType"] = "instance-store"
        return found

    monkeypatch.setattr(ec2.backups_api, "pages", rooted_elsewhere)
    assert "its root is an instance store" in (why() or "")


@pytest.mark.parametrize(("mode", "no_reboot"), [(BackupMode.SNAPSHOT, True), (BackupMode.STOP, False)])
def test_the_mode_says_whether_it_is_rebooted_and_every_volume_is_in_it(
    ec2: Ec2World, mode: BackupMode, no_reboot: bool
) -> None:
    made = back_up(ec2, mode=mode)
    assert asked("CreateImage")[0]["NoReboot"] is no_reboot
    (image,) = ec2.client.describe_images(ImageIds=[made.identifier])["Images"]
    assert set(images.snapshots_of(image)) == {"/dev/sda1", "/dev/sdf"}
    for snapshot in images.snapshots_of(image).values():
        (found,) = ec2.client.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"]
        assert images.tags_of(found)[images.BACKUP_TAG] == image["Name"]


def test_a_volume_that_is_not_in_it_is_red(ec2: Ec2World) -> None:
    PLAN.left_out = {"/dev/sdf"}
    made = back_up(ec2)
    assert ec2.backups.fault(made, ec2.rules, LIMIT) == "/dev/sdf: its volume is not in the image"


def test_a_call_whose_answer_was_lost_is_looked_up_and_never_made_again(
    ec2: Ec2World, monkeypatch: pytest.MonkeyPatch
) -> None:
    PLAN.lose_answer = 1
    made = back_up(ec2)
    assert (len(asked("CreateImage")), ec2.stored()) == (1, 1)
    assert back_up(ec2).identifier == made.identifier, "the same backup, asked for again"
    assert len(asked("CreateImage")) == 1
    monkeypatch.setattr(images, "IMAGE_APPEARS", timedelta(seconds=0))
    monkeypatch.setattr(ec2.backups, "_in", _blind(ec2.backups._in))
    PLAN.lose_answer = 1
    with pytest.raises(UnknownOutcomeError, match="may have been done all the same"):
        back_up(ec2, "two")
    assert len(asked("CreateImage")) == 2


def _blind(real: Callable[[str], images.Images]) -> Callable[[str], images.Images]:
    def one(_key: str, _value: str) -> None:
        return None

    def find(region: str) -> images.Images:
        found = real(region)
        found.one = one  # type: ignore[method-assign]  # nothing is ever found
        return found

    return find


@pytest.mark.parametrize(("state", "message"), [("failed", "the image is failed"), ("pending", "not done in time")])
def test_an_image_that_fails_or_is_late_is_named(ec2: Ec2World, state: str, message: str) -> None:
    PLAN.states = [state]
    (found,) = ec2.backups.find((HOST,))
    note = BackupNote(HOST, "shop", "one", found.identifier).render()
    with pytest.raises(InfrastructureError, match=message):
        ec2.backups.back_up(found, ec2.rules, note=note, timeout=timedelta(seconds=0.2))
    (listed,) = ec2.backups.backups((HOST,), ec2.rules)
    assert ec2.backups.fault(listed, ec2.rules, LIMIT) == f"the image is {state}"


def rules_with_copy(world: Ec2World) -> BackupRules:
    return replace(world.rules, copy_to_region=SECOND_REGION)


def test_a_copy_is_made_once_encrypted_and_judged_with_its_original(ec2: Ec2World) -> None:
    both = rules_with_copy(ec2)
    made = back_up(ec2, copy_to_region=SECOND_REGION)
    back_up(ec2, copy_to_region=SECOND_REGION)
    (call,) = asked("CopyImage")
    assert (call["Encrypted"], call["ClientToken"]) == (True, f"drillbook-{made.identifier}")
    original, copy = ec2.backups.backups((HOST,), both)
    assert (original.place, copy.place) == (REGION, SECOND_REGION)
    assert (copy.taken_at, copy.note, copy.source) == (original.taken_at, original.note, original.source)
    assert [ec2.backups.fault(one, both, LIMIT) for one in (original, copy)] == [None, None]
    ec2.damage(copy)
    assert "its copy" in (ec2.backups.fault(original, both, LIMIT) or "")
    assert ec2.backups.fault(original, ec2.rules, LIMIT) is None
    ec2.backups.remove(copy, LIMIT)
    assert ec2.backups.fault(original, both, LIMIT) == f"there is no copy of it in {SECOND_REGION}"


def test_the_clouds_own_protection_is_used_where_there_is_one(ec2: Ec2World) -> None:
    made = back_up(ec2)
    ec2.backups.protect(made, protected=True)
    (image,) = ec2.client.describe_images(ImageIds=[made.identifier])["Images"]
    assert image["DeregistrationProtection"] == "enabled-without-cooldown"
    ec2.client.delete_tags(Resources=[made.identifier], Tags=[{"Key": images.PROTECTED_TAG}])
    assert ec2.backups.backups((HOST,), ec2.rules)[0].protected, "somebody took our tag away"
    PLAN.has_protection = False
    other = back_up(ec2, "two")
    ec2.backups.protect(other, protected=True)
    assert ec2.backups.backups((HOST,), ec2.rules)[1].protected


def test_removal_can_be_repeated_wherever_it_was_killed(ec2: Ec2World, monkeypatch: pytest.MonkeyPatch) -> None:
    def ours() -> int:
        return len(
            ec2.client.describe_snapshots(Filters=[{"Name": "tag-key", "Values": [images.BACKUP_TAG]}])["Snapshots"]
        )

    writes, done, real, left = 0, False, ec2.backups_api.call, 0

    def killed(ask: Callable[[Any], Any], what: str) -> Any:
        """Let so many writes through; the one after them is done, and never comes back."""
        nonlocal left
        answer = real(ask, what)
        if not what.startswith("describe"):
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
        return answer

    while not done:
        made = back_up(ec2, f"run{writes}")
        left = writes
        monkeypatch.setattr(ec2.backups_api, "call", killed)
        try:
            ec2.backups.remove(made, LIMIT)
            done = True
        except KeyboardInterrupt:
            writes += 1
        monkeypatch.setattr(ec2.backups_api, "call", real)
        for rest in ec2.backups.backups((HOST,), ec2.rules):
            ec2.backups.remove(rest, LIMIT)
        assert (ec2.stored(), ours()) == (0, 0), f"killed at write {writes}"
    assert writes == 4, "tags, the image, and two snapshots"


def test_the_documented_policy_allows_what_is_called_and_nothing_else(
    ec2: Ec2World, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = listen(monkeypatch)
    ec2.backups = Ec2Backups(api.Ec2Api(ec2.place, "backups.json"), SystemClock(), poll=timedelta(milliseconds=20))
    both = rules_with_copy(ec2)
    (machine,) = ec2.backups.find((HOST,))
    assert ec2.backups.refusal(machine, both) is None
    made = back_up(ec2, copy_to_region=SECOND_REGION)
    assert ec2.backups.fault(made, both, LIMIT) is None
    for protected in (True, False):
        ec2.backups.protect(made, protected=protected)
    for one in ec2.backups.backups((HOST,), both):
        ec2.backups.remove(one, LIMIT)
    assert called == {action for entry in documented_policy(HOW_TO) for action in actions_of(entry)}


def test_a_note_that_does_not_fit_is_refused(ec2: Ec2World, machine: Machine) -> None:
    with pytest.raises(ConfigurationError, match="longer than the 256 characters"):
        ec2.backups.back_up(machine, ec2.rules, note="x" * 257, timeout=LIMIT)
    assert ec2.stored() == 0
