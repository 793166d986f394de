"""What is EC2's own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.providers.ec2 import actions_of, documented_policy, listen
from tests.support import moto_volumes
from tests.support.moto_ec2 import SlowSnapshots, UnluckySnapshots

from drillbook.clock import SystemClock
from drillbook.errors import ConfigurationError, InfrastructureError, UnknownOutcomeError
from drillbook.model import Quiesce
from drillbook.providers.ec2 import api, snapshots, volumes
from drillbook.providers.ec2.api import Ec2Api
from drillbook.providers.ec2.place import Ec2Place
from drillbook.providers.ec2.snapshots import Ec2Snapshots
from drillbook.providers.ec2.tags import tags_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.providers.ec2 import Ec2World

LIMIT = timedelta(seconds=20)
HOW_TO = Path(__file__).resolve().parents[3] / "docs/how-to/snapshots.md"


def test_what_it_has_not_is_refused_by_name(ec2: Ec2World) -> None:
    (machine,) = ec2.snapshots.find(("shop-db",))
    assert "no memory" in (ec2.snapshots.refusal(machine, ram=True, quiesce=Quiesce.NONE) or "")
    assert "no guest agent" in (ec2.snapshots.refusal(machine, ram=False, quiesce=Quiesce.AGENT) or "")


def test_a_set_that_lacks_a_volume_is_none(ec2: Ec2World) -> None:
    (machine,) = ec2.snapshots.find(("shop-db",))
    ec2.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    assert len(ec2.snapshots.snapshots(machine)) == 1
    ec2.client.delete_snapshot(
        SnapshotId=ec2.client.describe_snapshots(Filters=[{"Name": "tag:drillbook:set", "Values": ["drillbook-one"]}])[
            "Snapshots"
        ][0]["SnapshotId"]
    )
    assert ec2.snapshots.snapshots(machine) == ()


def test_a_snapshot_is_taken_at_once_and_listed_when_it_is_complete(
    ec2: Ec2World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (machine,), slow = ec2.snapshots.find(("shop-db",)), SlowSnapshots(monkeypatch)
    ec2.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    assert {snapshot.status for snapshot in slow.made} == {"pending"}
    for only in (0, 1):
        assert ec2.snapshots.snapshots(machine) == ()
        with pytest.raises(InfrastructureError, match="snapshot drillbook-one was not complete in time"):
            ec2.snapshots.complete(machine, "drillbook-one", timedelta(milliseconds=100))
        slow.end(only=only)
    ec2.snapshots.complete(machine, "drillbook-one", LIMIT)
    assert [found.name for found in ec2.snapshots.snapshots(machine)] == ["drillbook-one"]


def test_a_snapshot_whose_answer_was_lost_is_looked_for_and_never_taken_again(
    ec2: Ec2World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (machine,), unlucky = ec2.snapshots.find(("shop-db",)), UnluckySnapshots(monkeypatch, lost=True)
    ec2.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    ec2.snapshots.complete(machine, "drillbook-one", LIMIT)
    assert (unlucky.asked, [found.name for found in ec2.snapshots.snapshots(machine)]) == (1, ["drillbook-one"])


def test_a_snapshot_that_does_not_appear_after_a_lost_answer_is_unknown(
    ec2: Ec2World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "SNAPSHOTS_APPEAR", timedelta(milliseconds=100))
    (machine,), unlucky = ec2.snapshots.find(("shop-db",)), UnluckySnapshots(monkeypatch, done=False, lost=True)
    with pytest.raises(UnknownOutcomeError, match="may have been done all the same"):
        ec2.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    assert unlucky.asked == 1


def test_a_throttled_snapshot_is_asked_for_again(ec2: Ec2World, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine,), unlucky = ec2.snapshots.find(("shop-db",)), UnluckySnapshots(monkeypatch, throttled=2)
    ec2.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    assert (unlucky.asked, len(ec2.snapshots.snapshots(machine))) == (3, 1)


def test_a_snapshot_that_is_throttled_for_good_was_certainly_not_taken(
    ec2: Ec2World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "_ATTEMPTS", 3)
    (machine,), unlucky = ec2.snapshots.find(("shop-db",)), UnluckySnapshots(monkeypatch, throttled=99)
    with pytest.raises(InfrastructureError, match="RequestLimitExceeded") as refused:
        ec2.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    assert not isinstance(refused.value, UnknownOutcomeError)
    assert unlucky.asked == 3


def test_a_snapshot_that_ends_in_error_is_named(ec2: Ec2World, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine,), slow = ec2.snapshots.find(("shop-db",)), SlowSnapshots(monkeypatch)
    ec2.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    slow.end("error", only=1)
    with pytest.raises(InfrastructureError, match=f"snapshot {slow.made[1].id} ended in error"):
        ec2.snapshots.complete(machine, "drillbook-one", LIMIT)


def test_no_volume_is_left_over_and_each_is_what_it_was(ec2: Ec2World) -> None:
    (machine,) = ec2.snapshots.find(("shop-db",))
    before = ec2.volumes()
    ec2.write(machine, "good")
    ec2.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    ec2.snapshots.go_back(machine, "drillbook-one", LIMIT)
    assert len(ec2.volumes()) == len(before)
    kinds = {
        volume["Attachments"][0]["Device"]: (volume["Size"], volume["VolumeType"])
        for volume in ec2.client.describe_volumes(
            Filters=[{"Name": "attachment.instance-id", "Values": [machine.identifier]}]
        )["Volumes"]
    }
    assert kinds == {"/dev/sda1": (8, "gp3"), "/dev/sdf": (20, "gp2")}
    assert [volume.dies for volume in ec2.snapshots._volumes.attached(machine)] == [True, False]


def test_tags_that_only_aws_may_write_are_left_and_all_others_kept(ec2: Ec2World) -> None:
    (machine,) = ec2.snapshots.find(("shop-db",))
    (volume, _data) = ec2.snapshots._volumes.attached(machine)
    ec2.tag_as_aws(volume.identifier, "aws:cloudformation:stack-name", "shop")
    ec2.client.create_tags(Resources=[volume.identifier], Tags=[{"Key": "owner", "Value": "shop"}])
    ec2.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    ec2.snapshots.go_back(machine, "drillbook-one", LIMIT)
    (new, _data) = ec2.snapshots._volumes.attached(machine)
    assert new.identifier != volume.identifier
    assert tags_of(new.entry) == {"owner": "shop"}


@pytest.mark.parametrize("trouble", [{"late": 3}, {"attaching": 3}])
def test_what_ec2_tells_of_a_volume_late_is_waited_for(ec2: Ec2World, trouble: dict[str, int]) -> None:
    (machine,) = ec2.snapshots.find(("shop-db",))
    ec2.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    for name, value in trouble.items():
        setattr(moto_volumes.PLAN, name, value)
    ec2.snapshots.go_back(machine, "drillbook-one", LIMIT)
    assert [volume.device for volume in ec2.snapshots._volumes.attached(machine)] == ["/dev/sda1", "/dev/sdf"]


def test_a_volume_that_can_t_be_made_leaves_the_machine_running_as_it_was(
    ec2: Ec2World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EC2 looks after its answer whether the KMS key may be used, and takes the volume away again."""
    monkeypatch.setattr(volumes, "VOLUME_APPEARS", timedelta(milliseconds=200))
    (machine,) = ec2.snapshots.find(("shop-db",))
    ec2.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    before, moto_volumes.PLAN.vanish = ec2.volumes(), True
    with pytest.raises(InfrastructureError, match=r"made it and does not show it.*KMS key"):
        ec2.snapshots.go_back(machine, "drillbook-one", LIMIT)
    assert (ec2.volumes(), ec2.runs(machine)) == (before, True)


def test_a_volume_with_no_room_for_our_tags_leaves_the_machine_running_as_it_was(ec2: Ec2World) -> None:
    (machine,) = ec2.snapshots.find(("shop-db",))
    (volume, _data) = ec2.snapshots._volumes.attached(machine)
    tags = [{"Key": f"tag{number}", "Value": "x"} for number in range(50)]
    ec2.client.create_tags(Resources=[volume.identifier], Tags=tags)
    ec2.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    with pytest.raises(InfrastructureError, match="TagLimitExceeded"):
        ec2.snapshots.go_back(machine, "drillbook-one", LIMIT)
    assert ec2.runs(machine)
    assert volume.identifier in ec2.volumes()


def test_a_volume_that_is_attached_no_more_is_named_before_anything_is_touched(ec2: Ec2World) -> None:
    (machine,) = ec2.snapshots.find(("shop-db",))
    ec2.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    data = next(entry for entry in ec2.snapshots._volumes.attached(machine) if entry.device == "/dev/sdf")
    ec2.client.detach_volume(VolumeId=data.identifier, InstanceId=machine.identifier)
    before = ec2.volumes()
    with pytest.raises(InfrastructureError, match="/dev/sdf"):
        ec2.snapshots.go_back(machine, "drillbook-one", LIMIT)
    assert ec2.volumes() == before


def test_it_can_be_told_again_wherever_it_was_killed(ec2: Ec2World, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine,) = ec2.snapshots.find(("shop-db",))
    ec2.write(machine, "good")
    ec2.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    before = len(ec2.volumes())
    writes, done, real = 0, False, ec2.api.call

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
        ec2.write(machine, "bad")
        left = writes
        monkeypatch.setattr(ec2.api, "call", killed)
        try:
            ec2.snapshots.go_back(machine, "drillbook-one", LIMIT)
            done = True
        except KeyboardInterrupt:
            writes += 1
        monkeypatch.setattr(ec2.api, "call", real)
        ec2.snapshots.go_back(machine, "drillbook-one", LIMIT)
        assert (ec2.read(machine), len(ec2.volumes())) == ("good", before), f"killed at write {writes}"
    assert writes > 10


def test_an_endpoint_that_does_not_answer_is_named(ec2: Ec2World) -> None:
    api = Ec2Api(
        Ec2Place(name="aws", kind="ec2", region="eu-central-1", endpoint="http://127.0.0.1:9"), "snapshots.json"
    )
    with pytest.raises((InfrastructureError, ConfigurationError), match="can't be asked"):
        api.pages("describe_volumes", "Volumes")


def test_the_documented_policy_allows_what_is_called_and_nothing_else(
    ec2: Ec2World, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = listen(monkeypatch)
    snapshots_ = Ec2Snapshots(Ec2Api(ec2.place, "snapshots.json"), SystemClock(), poll=timedelta(milliseconds=20))
    (machine,) = snapshots_.find(("shop-db",))
    assert snapshots_.refusal(machine, ram=False, quiesce=Quiesce.NONE) is None
    snapshots_.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    snapshots_.complete(machine, "drillbook-one", LIMIT)
    snapshots_.go_back(machine, "drillbook-one", LIMIT)
    snapshots_.start(machine, LIMIT)
    snapshots_.remove(machine, "drillbook-one", LIMIT)
    assert called == {action for entry in documented_policy(HOW_TO) for action in actions_of(entry)}


def test_the_documented_policy_changes_nothing_without_a_condition() -> None:
    """And only tags of drillbook's own on what is there: others are what other keys are fenced by."""
    for entry in documented_policy(HOW_TO):
        actions = actions_of(entry)
        assert all(action.startswith("ec2:Describe") for action in actions) or entry["Condition"]
        if "ec2:CreateTags" in actions and "ec2:CreateAction" not in str(entry["Condition"]):
            keys = entry["Condition"]["ForAllValues:StringEquals"]["aws:TagKeys"]
            assert set(keys) == {volumes.REPLACED_TAG, volumes.REPLACEMENT_TAG, volumes._DIES_TAG}
