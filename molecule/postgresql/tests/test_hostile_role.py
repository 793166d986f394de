"""A role that owns a database writes there what it likes: the next run of the role carries nothing of it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from testinfra.host import Host

PORT = 15432
# Each of these notes who ran it. The first two are the owner's own doing, the trigger is an administrator's on a function of theirs.
HOSTILE = """
set role app;
create table public.ran (who text);
grant insert on public.ran to public;
create function public.equals(name, name) returns boolean language plpgsql as $f$
begin
  insert into public.ran values (current_user || ' by =');
  return $1::text operator(pg_catalog.=) $2::text;
end $f$;
create operator public.= (leftarg = name, rightarg = name, function = public.equals);
create function public.entered() returns event_trigger language plpgsql as $f$
begin insert into public.ran values (current_user || ' by login'); end $f$;
reset role;
create event trigger entered on login execute function public.entered();
alter database app set search_path = public, pg_catalog;
alter database app set role = 'app';
alter role postgres set log_statement = 'all';
"""
MENDED = """
drop event trigger if exists entered;
alter database app reset all;
alter role postgres reset all;
drop table if exists public.ran;
drop function if exists public.entered();
drop operator if exists public.= (name, name);
drop function if exists public.equals(name, name);
"""
PASSWORD = "told-nobody-4712"  # noqa: S105 -- made up for the test


def ask(host: Host, text: str, database: str = "app", options: str = "") -> str:
    """Ask as the superuser; without options the session is as the database's owner wants it."""
    command = f"runuser -u postgres -- env PGOPTIONS='{options}' psql -XAtq --set=ON_ERROR_STOP=1 --port={PORT} --command=%s %s"
    return str(host.check_output(command, text, database))


SAFE = "-c role=none -c search_path=pg_catalog -c event_triggers=off"


@pytest.fixture
def hostile(connect: Callable[[str], Host]) -> Iterator[Host]:
    """The host whose database ``app`` is hostile, and clean again afterwards."""
    host = connect("full")
    ask(host, MENDED, options=SAFE)
    ask(host, HOSTILE, options=SAFE)
    yield host
    ask(host, MENDED, options=SAFE)


def test_the_role_runs_nothing_that_a_databases_owner_left_there(hostile: Host, playbook: Callable[..., Any]) -> None:
    """Nor does a password that it sets reach the server's log, though the log has every statement of that role."""
    ask(hostile, "alter database app reset role", options=SAFE)
    ask(hostile, "select 'a'::name = 'a'::name")
    ran = "select coalesce(string_agg(distinct who, ', ' order by who), '') from public.ran"
    assert ask(hostile, ran, options=SAFE) == "postgres by =, postgres by login", "the trap itself does not work"
    ask(hostile, "truncate public.ran; alter database app set role = 'app'", options=SAFE)
    ask(hostile, "drop extension amcheck", options=SAFE)

    applied = playbook("converge", postgresql_rewind_password=PASSWORD)
    assert applied.status == 0, applied.output

    assert ask(hostile, ran, options=SAFE) == ""
    places = "select extname || ' in ' || extnamespace::regnamespace from pg_extension where extname = 'amcheck'"
    assert ask(hostile, places, options=SAFE) == "amcheck in public"
    logged = hostile.check_output("journalctl --unit=patroni.service --no-pager --since=-10min")
    assert "statement: " in logged, "the log has no statements at all"
    assert PASSWORD not in logged
