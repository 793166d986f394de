"""What moto's EC2 lacks: placement groups, the empty snapshot of a volume that was made of none, and snapshots that take time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend
from moto.ec2.responses import EC2Response
from tests.support.moto_images import UNAVAILABLE

if TYPE_CHECKING:
    import pytest

# Any, because calls are added to the class and replaced in it.
_EC2: Any = EC2Response
_RUN_INSTANCES = _EC2.run_instances
_DESCRIBE_VOLUMES = _EC2.describe_volumes


def _groups(response: Any) -> dict[str, dict[str, Any]]:
    """The region's groups; they go when moto is reset, with the backend that they hang on."""
    found: dict[str, dict[str, Any]] = response.ec2_backend.__dict__.setdefault("placement_groups", {})
    return found


def _create(self: Any) -> ActionResult:
    name = self._get_param("GroupName")
    group = {
        "GroupName": name,
        "GroupId": f"pg-{len(_groups(self)):017x}",
        "Strategy": self._get_param("Strategy"),
        "State": "available",
        "Tags": [
            {"Key": key, "Value": value}
            for key, value in self._parse_tag_specification().get("placement-group", {}).items()
        ],
    }
    _groups(self)[name] = group
    return ActionResult({"PlacementGroup": group})


def _describe(self: Any) -> ActionResult:
    wanted = self._filters_from_querystring().get("group-name")
    return ActionResult(
        {"PlacementGroups": [group for name, group in _groups(self).items() if wanted is None or name in wanted]}
    )


def _run(self: Any) -> ActionResult:
    answer: Any = _RUN_INSTANCES(self)
    for instance in answer.result.instances:
        instance.placement.group_name = self._get_param("Placement.GroupName", "")
    return cast("ActionResult", answer)


def _volumes(self: Any) -> ActionResult:
    """EC2 says that the snapshot is an empty text; moto leaves the field out."""
    answer: Any = _DESCRIBE_VOLUMES(self)
    for volume in answer.result["Volumes"]:
        volume.snapshot_id = volume.snapshot_id or ""
    return cast("ActionResult", answer)


def complete_ec2() -> None:
    """Teach moto's EC2 the calls; to be done before its server starts."""
    _EC2.create_placement_group = _create
    _EC2.describe_placement_groups = _describe
    _EC2.run_instances = _run
    _EC2.describe_volumes = _volumes


class SlowSnapshots:
    """For the length of a test, snapshots are ``pending`` when they are made, until they are told how they end."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.made: list[Any] = []
        original = EC2Backend.create_snapshot

        def create(backend: Any, *arguments: Any, **options: Any) -> Any:
            snapshot: Any = original(backend, *arguments, **options)
            snapshot.status = "pending"
            self.made.append(snapshot)
            return snapshot

        patch.setattr(EC2Backend, "create_snapshot", create)

    def end(self, status: str = "completed", *, only: int | None = None) -> None:
        """End all of them, or one."""
        for snapshot in self.made if only is None else (self.made[only],):
            snapshot.status = status


class UnluckySnapshots:
    """For the length of a test, CreateSnapshots is throttled so often, then done or not, and each answer lost where ``lost``."""

    def __init__(self, patch: pytest.MonkeyPatch, *, throttled: int = 0, done: bool = True, lost: bool = False) -> None:
        self.asked = 0
        original = _EC2.create_snapshots

        def create(response: Any) -> Any:
            self.asked += 1
            if self.asked <= throttled:
                return 503, {"status": 503}, UNAVAILABLE.replace(">Unavailable<", ">RequestLimitExceeded<")
            answer = original(response) if done else None
            return (503, {"status": 503}, UNAVAILABLE) if lost else answer

        patch.setattr(_EC2, "create_snapshots", create)
