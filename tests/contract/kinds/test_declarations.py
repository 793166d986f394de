"""What a kind declares is what the inventory and the command line may say for it; all else is refused by name."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.machine_drills.world import DrillWorld
from tests.support.fake_kind.kind import FAKE
from tests.unit.world import inventory_json

from drillbook.config import Inventory, configuration
from drillbook.errors import ConfigurationError, RefusedError
from drillbook.kinds.registry import KINDS
from drillbook.model import Mode, PointRequest, PointType
from drillbook.run.plan import plan_drill
from drillbook.run.plan_in_place import plan_in_place

if TYPE_CHECKING:
    from pathlib import Path

    from drillbook.config import Configuration
    from drillbook.kinds.declaration import ServiceKind

ALL_KINDS: dict[str, ServiceKind] = {**KINDS, FAKE.name: FAKE}
SELECTORS: dict[str, dict[str, Any]] = {
    "set": {"set_label": "x"},
    "timeline": {"timeline": 3},
    "exclusive": {"exclusive": True},
    "repository_time": {"repository_time": datetime(2026, 1, 31, tzinfo=UTC)},
}
TARGETS = {
    PointType.TIME: "2026-01-31T12:00:00Z",
    PointType.LSN: "0/3000000",
    PointType.XID: "7",
    PointType.NAME: "before",
}


def fake_inventory(directory: Path) -> dict[str, Any]:
    data = inventory_json(directory)
    data["all"]["vars"]["drillbook_object_store"]["repositories"] = {"documents": {"bucket": "documents"}}
    group = data["postgresql_main"]["vars"]
    del group["drillbook_service"]["archive_timeout_seconds"]
    group["drillbook_service"]["kind"] = FAKE.name
    return data


def machines_inventory(directory: Path) -> dict[str, Any]:
    server: Any = SimpleNamespace(control=None, port=8006, ca=str(directory / "ca.pem"))
    return DrillWorld(server, directory / "state").inventory()


INVENTORIES = {"postgresql": inventory_json, "machines": machines_inventory, "fake": fake_inventory}


@pytest.fixture(params=ALL_KINDS)
def kind(request: pytest.FixtureRequest) -> ServiceKind:
    return ALL_KINDS[request.param]


@pytest.fixture
def data(kind: ServiceKind, tmp_path: Path) -> dict[str, Any]:
    """An inventory with one service of the kind."""
    return INVENTORIES[kind.name](tmp_path)


def said(data: dict[str, Any], key: str) -> Any:
    """The value of a key that one group has."""
    (found,) = [group["vars"][key] for group in data.values() if key in group.get("vars", {})]
    return found


def service(data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = said(data, "drillbook_service")
    return found


def read(data: dict[str, Any]) -> Configuration:
    return configuration(Inventory.parse(data), kinds=ALL_KINDS)


def test_every_kind_is_asked() -> None:
    assert set(INVENTORIES) == set(ALL_KINDS)


def test_its_own_inventory_is_accepted(data: dict[str, Any], kind: ServiceKind) -> None:
    (found,) = read(data).services
    assert found.kind is kind


def test_its_points_are_planned_and_foreign_ones_refused(data: dict[str, Any], kind: ServiceKind) -> None:
    settings = read(data)
    drill, of = settings.drills[0], settings.services[0]
    assert PointType.LATEST in kind.points
    for point in PointType:
        request = PointRequest(type=point, target=TARGETS.get(point))
        if point in kind.points:
            assert plan_drill(settings, drill, point=request).tracks[0].point == request
            continue
        with pytest.raises(RefusedError, match=f"has no {point} in a drill"):
            plan_drill(settings, drill, point=request)
        with pytest.raises(RefusedError, match=f"has no {point} in place"):
            plan_in_place(settings, of, confirm=of.group, point=request)


@pytest.mark.parametrize("selector", SELECTORS)
def test_its_selectors_are_planned_and_foreign_ones_refused(
    data: dict[str, Any], kind: ServiceKind, selector: str
) -> None:
    settings = read(data)
    of = settings.services[0]
    given: dict[str, Any] = {"type": PointType.TIME, "target": TARGETS[PointType.TIME], **SELECTORS[selector]}
    request = PointRequest(**given)
    if selector in kind.selectors(Mode.SANDBOX):
        assert plan_drill(settings, settings.drills[0], point=request).tracks[0].point == request
    else:
        with pytest.raises(RefusedError, match=f"has no {selector} in a drill"):
            plan_drill(settings, settings.drills[0], point=request)
    if selector not in kind.selectors(Mode.IN_PLACE):
        with pytest.raises(RefusedError, match=f"has no {selector} in place"):
            plan_in_place(settings, of, confirm=of.group, point=request)


def test_a_declared_drill_has_its_points_only(data: dict[str, Any], kind: ServiceKind) -> None:
    drills = said(data, "drillbook_drills")
    for foreign in set(PointType) - set(kind.points):
        drills[0]["point"] = {"type": foreign.value, "target": TARGETS.get(foreign)}
        with pytest.raises(ConfigurationError, match=f"the kind {kind.name} has no recovery point '{foreign}'"):
            read(data)


def test_keys_of_each_other_kind_are_refused_by_name(data: dict[str, Any], kind: ServiceKind) -> None:
    for other in ALL_KINDS.values():
        for key in sorted(set(other.service.model_fields) - set(kind.service.model_fields)):
            service(data)[key] = 60
            with pytest.raises(ConfigurationError) as caught:
                read(data)
            assert caught.value.message == f"a key of the kind {other.name}, not of {kind.name}"
            assert caught.value.where.endswith(f"drillbook_service.{key}")
            del service(data)[key]
    read(data)


def test_an_rpo_that_can_t_be_met_is_refused(data: dict[str, Any], kind: ServiceKind) -> None:
    granularity = kind.service.model_validate(service(data)).granularity
    service(data)["objectives"]["rpo_seconds"] = granularity.interval.total_seconds()
    with pytest.raises(ConfigurationError) as caught:
        read(data)
    assert "can't be met" in caught.value.message
    assert granularity.noun in caught.value.message
    assert granularity.key in caught.value.message


def test_its_repositories_must_be_there(data: dict[str, Any], kind: ServiceKind) -> None:
    data["all"]["vars"]["drillbook_object_store"]["repositories"] = {"of-nobody": {"bucket": "x"}}
    if not kind.repositories:
        read(data)
        return
    with pytest.raises(ConfigurationError, match=f"there is no repository '{kind.repositories[0]}'"):
        read(data)


def test_in_place_is_refused_without_the_exact_name(data: dict[str, Any]) -> None:
    settings = read(data)
    (of,) = settings.services
    for name in ("", of.name + "x", "all"):
        with pytest.raises(RefusedError, match="replaces the data of every host") as caught:
            plan_in_place(settings, of, confirm=name, point=PointRequest())
        assert f"--confirm {of.group}" in caught.value.remedy
    assert plan_in_place(settings, of, confirm=of.group, point=PointRequest()).targets == (of.group,)
