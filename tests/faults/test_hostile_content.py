"""What a database carries into a drill and would act there: subscriptions, triggers, code of an owner."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.conftest import end_segments, wait_until_archived

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testinfra.host import Host
    from tests.faults.conftest import Drills

pytestmark = [pytest.mark.lab, pytest.mark.slow]

SAFE = "-c role=none -c search_path=pg_catalog -c event_triggers=off"
IN_CLUSTER = ("alter database app set search_path = public, pg_catalog", "alter database app set role = 'app'")
# Code of the owner that others run ends what they do, so that a drill whose sessions run it is red.
IN_APP = """
create function public.equals(name, name) returns boolean language plpgsql as $f$
begin
  if current_user operator(pg_catalog.<>) 'app' then raise exception 'run by %', current_user; end if;
  return $1::text operator(pg_catalog.=) $2::text;
end $f$;
create operator public.= (leftarg = name, rightarg = name, function = public.equals);
create function public.entered() returns event_trigger language plpgsql as $f$
begin
  if (select rolsuper from pg_catalog.pg_roles where rolname operator(pg_catalog.=) session_user) then
    raise exception 'entered by %', session_user;
  end if;
end $f$;
create event trigger entered on login execute function public.entered();
create subscription carried connection 'host=192.0.2.9 dbname=app password=x connect_timeout=1' publication p
  with (connect = false, slot_name = none, create_slot = false, enabled = false);
"""
# A subscription takes changes only where it has a slot; it is enabled without one being made.
SUBSCRIBED = ("alter subscription carried set (slot_name = 'carried')", "alter subscription carried enable")
MENDED_APP = (
    "alter subscription carried disable",
    "alter subscription carried set (slot_name = none)",
    "drop subscription carried",
    "drop event trigger entered",
    "drop function public.entered()",
    "drop operator public.= (name, name)",
    "drop function public.equals(name, name)",
)
MENDED_CLUSTER = ("alter database app reset all",)


def ask(leader: Host, database: str, *statements: str) -> str:
    """Each statement by itself, as the superuser."""
    commands = " ".join("--command=%s" for _statement in statements)
    command = f"runuser -u postgres -- env PGOPTIONS='{SAFE}' psql -XAt --set=ON_ERROR_STOP=1 {commands} {database}"
    answer: str = leader.check_output(command, *statements)
    return answer


@contextmanager
def hostile(leader: Host) -> Iterator[None]:
    """The cluster carries all of it, and is clean afterwards."""
    ask(leader, "app", IN_APP)
    ask(leader, "app", *SUBSCRIBED)
    ask(leader, "postgres", *IN_CLUSTER)
    try:
        yield
    finally:
        ask(leader, "postgres", *MENDED_CLUSTER)
        ask(leader, "app", *MENDED_APP)


def test_a_drill_runs_nothing_that_the_data_carries_and_tells_it(drills: Drills, host: Callable[[str], Host]) -> None:
    leader = host(drills.lab.leader())
    with hostile(leader):
        trap = leader.run("runuser -u postgres -- psql -XAt --command='select 1' app")
        assert "entered by postgres" in trap.stderr, "the trap itself does not work"
        end_segments(leader, 1)
        wait_until_archived(leader)
        ran = drills.run(**drills.promising(rto_seconds=1800, rpo_seconds=1800))
    assert ran.code == 0, ran.why()
    carried = ran.check("subscriptions are disabled")
    for name in ("app.carried", "entered"):
        assert name in carried
    drills.assert_nothing_left()
