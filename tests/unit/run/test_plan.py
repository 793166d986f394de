"""Planning is pure: the same inventory and order give the same plan, and what is unsafe gives none."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.world import START, World

from drillbook.errors import RefusedError
from drillbook.kinds.machines.kind import MACHINES
from drillbook.model import Mode, PointRequest
from drillbook.run.plan import Plan, plan_drill, predict
from drillbook.run.plan_in_place import plan_in_place


def record(drill: str, rto: float | None, size: int | None = None, service: str = "main") -> dict[str, Any]:
    """As schema 2 says it."""
    return {"drill": drill, "tracks": [{"service": service, **of_track(rto, size)}]}


def former_record(drill: str, rto: float | None, size: int | None = None) -> dict[str, Any]:
    """As schema 1 said it."""
    return {"drill": drill, "service": "main", **of_track(rto, size)}


def of_track(rto: float | None, size: int | None) -> dict[str, Any]:
    return {"rto": {"actual_seconds": rto}, "actual": {"bytes": size, "disk_bytes": size}}


def test_digest_tells_orders_apart_and_ignores_predictions(world: World) -> None:
    plan = world.plan()
    assert plan.digest == world.plan(history=[record("main-latest", 50, 10)]).digest
    assert plan.digest != world.plan(point=PointRequest.parse("oldest")).digest
    assert plan.digest != world.plan(keep=True).digest


def test_prediction_is_the_median_of_the_drills_own_runs() -> None:
    history = [
        former_record("a", 10, 5),
        record("b", 900, 9),
        record("a", 800, 8, service="other"),
        record("a", None),
        record("a", 30, 7),
        record("a", 20),
    ]
    found = predict(history, "a", "main")
    assert found.rto == timedelta(seconds=20)
    assert found.bytes == 7
    assert predict([], "a", "main").rto is None


@pytest.mark.parametrize("said", [{"overwrite": True}, {"without": ("db1",)}])
def test_machines_are_given_up_by_name_and_not_all_at_once(world: World, said: dict[str, Any]) -> None:
    machines = replace(world.configuration.service("main"), kind=MACHINES)
    with pytest.raises(RefusedError, match="named one by one"):
        plan_in_place(world.configuration, machines, confirm="postgresql_main", point=PointRequest(), **said)


def test_who_is_left_out_is_named_and_somebody_is_left(world: World) -> None:
    service = world.configuration.service("main")

    def plan(*without: str) -> Plan:
        return plan_in_place(
            world.configuration, service, confirm="postgresql_main", point=PointRequest(), without=without
        )

    with pytest.raises(RefusedError, match="db9: no host of main"):
        plan("db9")
    with pytest.raises(RefusedError, match="no host of main would be left"):
        plan(*service.hosts)
    named = plan(service.hosts[0])
    assert named.variables(named.tracks[0], "run", START)["restore_without"] == [service.hosts[0]]
    assert named.digest != plan().digest


def test_data_is_given_up_at_once_only_where_that_was_said(world: World) -> None:
    def variables(**said: bool) -> Any:
        service = world.configuration.service("main")
        plan = plan_in_place(world.configuration, service, confirm="postgresql_main", point=PointRequest(), **said)
        return plan.variables(plan.tracks[0], "run", START)["restore_overwrite"]

    assert variables() is False
    assert variables(overwrite=True) is True


@pytest.mark.parametrize("confirm", ["", "main", "postgresql", "sandbox1", "POSTGRESQL_MAIN"])
def test_in_place_needs_the_exact_group(world: World, confirm: str) -> None:
    with pytest.raises(RefusedError, match="replaces the data of every host of postgresql_main"):
        plan_in_place(world.configuration, world.configuration.service("main"), confirm=confirm, point=PointRequest())


def test_what_others_built_is_drilled_and_not_restored_in_place(world: World) -> None:
    service = replace(world.configuration.service("main"), managed=False)
    with pytest.raises(RefusedError, match="main is not drillbook's own"):
        plan_in_place(world.configuration, service, confirm="postgresql_main", point=PointRequest())
    assert plan_drill(world.configuration, replace(world.configuration.drills[0], service=service)).mode is Mode.SANDBOX


@pytest.mark.parametrize("option", ["replace", "only"])
def test_only_machines_of_the_service_can_be_named(world: World, option: str) -> None:
    service = world.configuration.service("main")
    named: dict[str, Any] = {option: (service.hosts[0],)}
    with pytest.raises(RefusedError, match=f"db1: no machine of main .*--{option}"):
        plan_in_place(world.configuration, service, confirm="postgresql_main", point=PointRequest(), **named)


@pytest.mark.parametrize(
    ("point", "named"),
    [
        (PointRequest(repository_time=START), "repository_time in place"),
        (PointRequest(timeline=2, repository_time=START), "repository_time in place"),
    ],
)
def test_what_a_restore_in_place_would_not_look_at_is_refused(world: World, point: PointRequest, named: str) -> None:
    """Refused before the confirmation is asked for: the operator would get another state than the one asked for."""
    with pytest.raises(RefusedError, match=named):
        plan_in_place(world.configuration, world.configuration.service("main"), confirm="", point=point)


@pytest.mark.parametrize("text", ["lsn=0/3000000", "xid=700", "name=before", "immediate"])
def test_a_point_that_the_kind_does_not_have_is_refused(world: World, text: str) -> None:
    service = replace(world.configuration.service("main"), kind=MACHINES)
    drill = replace(world.configuration.drill("main-latest"), service=service)
    with pytest.raises(RefusedError, match=f"kind machines.* has no {text.partition('=')[0]} in a drill"):
        plan_drill(world.configuration, drill, point=PointRequest.parse(text))


@pytest.mark.parametrize(
    ("point", "named"),
    [
        (PointRequest(set_label="a"), "set"),
        (PointRequest(timeline=1), "timeline"),
        (PointRequest(repository_time=START), "repository_time"),
    ],
)
def test_a_selector_that_the_kind_does_not_have_is_refused(world: World, point: PointRequest, named: str) -> None:
    drill = world.configuration.drill("main-latest")
    drill = replace(drill, service=replace(drill.service, kind=MACHINES))
    with pytest.raises(RefusedError, match=f"has no {named} in a drill"):
        plan_drill(world.configuration, drill, point=point)


def point_at(plan: Plan) -> PointRequest:
    """The point of the plan's only track, for a disaster that is declared at the start."""
    return plan.point_at(plan.tracks[0], START)


def test_in_place_tears_nothing_down_and_freezes_nothing(world: World) -> None:
    service = world.configuration.service("main")
    plan = plan_in_place(world.configuration, service, confirm="postgresql_main", point=PointRequest())
    assert (plan.mode, plan.tracks[0].rto) == (Mode.IN_PLACE, timedelta(seconds=600))
    assert point_at(plan).until is None


def test_what_comes_later_is_hidden_only_for_a_simulated_total_loss(world: World) -> None:
    plan = world.plan()
    assert point_at(plan).until == START
    assert point_at(world.plan(disaster_at=START)).until is None
    assert point_at(world.plan(point=PointRequest.parse("oldest"))).until is None
    assert point_at(replace(plan, repository_as_of_disaster=False)).until is None
    given = START - timedelta(days=1)
    asked = point_at(world.plan(point=PointRequest(repository_time=given)))
    assert (asked.repository_time, asked.until) == (given, None)
