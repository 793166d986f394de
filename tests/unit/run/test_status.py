"""Status is a function of the records."""

from datetime import timedelta

from tests.unit.world import World

from drillbook.run.status import drill_status


def test_last_record_counts(world: World) -> None:
    world.run()
    last = world.run()
    history = [entry.body for entry in world.evidence.entries() if entry.kind == "closed"]
    world.clock.sleep(timedelta(hours=2))
    (found,) = drill_status(world.configuration.drills, history, world.clock.now())
    assert found.run_id == last.record["run_id"]
    assert found.age_seconds == 7200.0


def test_drill_that_never_ran_is_told(world: World) -> None:
    (found,) = drill_status(world.configuration.drills, [], world.clock.now())
    assert (found.verdict, found.finished_at) == (None, None)
