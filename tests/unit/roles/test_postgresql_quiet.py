"""What a backup carries never outranks what a restore sets, and starts nothing by itself where it is only looked at."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment
from jinja2.nativetypes import NativeEnvironment

from drillbook.model import Check

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "roles/postgresql"
# What ALTER SYSTEM may set that listens, runs something, writes elsewhere or keeps the server from starting.
HOSTILE = {
    "listen_addresses", "port", "unix_socket_directories", "unix_socket_permissions", "hba_file", "ident_file", "ssl",
    "archive_mode", "archive_command", "archive_library", "archive_cleanup_command", "recovery_end_command",
    "shared_preload_libraries", "session_preload_libraries", "local_preload_libraries", "event_triggers",
    "max_logical_replication_workers", "primary_conninfo", "logging_collector", "external_pid_file", "synchronous_standby_names",
}  # fmt: skip
# As pg_controldata calls them.
CONTROL = {
    "max_connections": "300", "max_worker_processes": "9", "max_wal_senders": "11", "max_prepared_xacts": "5", "max_locks_per_xact": "65",
}  # fmt: skip


def load(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def native() -> NativeEnvironment:
    """Jinja with those of Ansible's filters that are used here."""
    made = NativeEnvironment(trim_blocks=True)
    made.filters["combine"] = lambda one, *others: {
        key: value for each in (one, *others) for key, value in each.items()
    }
    made.filters["dict2items"] = lambda values: [{"key": key, "value": value} for key, value in values.items()]
    made.filters["regex_replace"] = lambda text, pattern, new: re.sub(pattern, new, text)
    return made


def variables(**changed: Any) -> dict[str, Any]:
    """The role's variables of a quiet server."""
    values = {
        **load("roles/postgresql/defaults/main.yml"),
        "__postgresql_restore_directory": "/run/drillbook-restore",
        "__postgresql_data_directory": "/data",
        "__postgresql_bin_directory": "/bin",
        "postgresql_archive_enabled": False,
        "__postgresql_restore_control": CONTROL,
        **changed,
    }
    quiet = load("roles/postgresql/vars/main/quiet.yml")
    limits = load("roles/postgresql/vars/main/restore.yml")["__postgresql_restore_limits"]
    values["__postgresql_restore_limits"] = {
        name: native().from_string(value).render(values) for name, value in limits.items()
    }
    for name in ("__postgresql_quiet_preload", "__postgresql_quiet_parameters", "__postgresql_restore_fences"):
        values[name] = native().from_string(quiet[name]).render(values)
    return values


def command(**changed: Any) -> list[str]:
    """What systemd starts."""
    template = (ROLE / "templates/restore/drillbook-restore.service.j2").read_text(encoding="utf-8")
    environment = Environment(trim_blocks=True)  # noqa: S701 -- it renders a unit, no HTML
    environment.filters |= native().filters
    unit = environment.from_string(template).render(variables(**changed)).replace("\\\n", "")
    (line,) = (line for line in unit.splitlines() if line.startswith("ExecStart="))
    assert re.search(r"^KillSignal=SIGINT$", unit, re.MULTILINE)
    return shlex.split(line.removeprefix("ExecStart="))


def options(**changed: Any) -> dict[str, str]:
    """The settings of its command line."""
    words = command(**changed)
    return dict(words[at + 1].split("=", 1) for at, word in enumerate(words) if word == "-c" and at > 1)


def test_what_restored_settings_could_do_is_decided_on_the_command_line() -> None:
    assert set(options()) >= HOSTILE


@pytest.mark.parametrize(("archives", "mode"), [(True, "on"), (False, "off")])
def test_nothing_is_archived_until_patroni_has_adopted_the_data(archives: bool, mode: str) -> None:
    found = options(postgresql_archive_enabled=archives)
    assert (found["archive_mode"], found["archive_command"]) == (mode, "/bin/false")


def test_a_server_that_knows_no_such_triggers_is_told_nothing_of_them() -> None:
    assert "event_triggers" not in options(postgresql_version="15")


def test_the_file_says_only_what_the_data_may_outrank() -> None:
    lines = (ROLE / "templates/restore/postgresql.conf.j2").read_text(encoding="utf-8").splitlines()
    settings = [line.partition(" = ")[0] for line in lines if line and not line.startswith("#")]
    assert settings == ["data_directory"]


def test_its_sizes_are_those_of_the_control_file_whatever_alter_system_said_before() -> None:
    found = options()
    sizes = ("max_connections", "max_worker_processes", "max_wal_senders")
    assert [found[name] for name in sizes] == ["300", "9", "11"]
    assert (found["max_prepared_transactions"], found["max_locks_per_transaction"]) == ("5", "65")


def test_the_log_is_opened_by_the_servers_own_user() -> None:
    """Systemd opens what it appends to as root, in a directory that postgres may put a link into."""
    words = command()
    assert words[:3] == ["/bin/sh", "-c", 'exec "$$0" "$$@" >>/run/drillbook-restore/server.log 2>&1']
    unit = (ROLE / "templates/restore/drillbook-restore.service.j2").read_text(encoding="utf-8")
    assert "append:" not in unit


@pytest.mark.parametrize(
    ("declared", "loaded"),
    [
        ("", ""),
        ("pg_stat_statements, pg_cron", "pg_stat_statements"),
        ("$libdir/pgaudit,pg_stat_statements", "pgaudit,pg_stat_statements"),
        ("timescaledb", ""),
    ],
)
def test_only_libraries_that_start_nothing_are_loaded(declared: str, loaded: str) -> None:
    values = variables(postgresql_parameters={"shared_preload_libraries": declared})
    assert values["__postgresql_quiet_parameters"]["shared_preload_libraries"] == loaded
    assert options(postgresql_parameters={"shared_preload_libraries": declared})["shared_preload_libraries"] == loaded


def test_a_library_without_which_tables_are_not_read_can_be_named() -> None:
    named = {"shared_preload_libraries": "timescaledb, pg_cron"}
    values = variables(postgresql_parameters=named, postgresql_quiet_preload_libraries=["timescaledb"])
    assert values["__postgresql_quiet_preload"] == "timescaledb"


@pytest.mark.parametrize("quiet", [True, False])
def test_a_quiet_server_has_no_workers_of_its_data(quiet: bool) -> None:
    dynamic = load("roles/postgresql/vars/main/dynamic.yml")["__postgresql_dynamic"]["postgresql"]["parameters"]
    values = variables(
        __postgresql_own_parameters={"max_logical_replication_workers": 4},
        __postgresql_archive_parameters={},
        postgresql_parameters={"cron.launch_active_jobs": "on"},
        postgresql_quiet=quiet,
    )
    found = native().from_string(dynamic).render(values)
    assert (found["max_logical_replication_workers"], found["cron.launch_active_jobs"]) == (
        (0, "off") if quiet else (4, "on")
    )


def test_a_sandbox_is_quiet_and_production_is_not() -> None:
    assert load("playbooks/postgresql/vars/sandbox.yml")["postgresql_quiet"] is True
    assert load("roles/postgresql/defaults/main.yml")["postgresql_quiet"] is False
    assert "postgresql_quiet" not in load("playbooks/postgresql/vars/in_place.yml")


def held(found: list[str], rolled: list[dict[str, Any]], quiet: bool) -> list[Any]:
    """The prepared transactions that are left, as the check counts them."""
    check = load("roles/postgresql/tasks/verify/prepared.yml")[-1]
    return list(
        native()
        .from_string(check["vars"]["__postgresql_verify_held"])
        .render(postgresql_quiet=quiet, __postgresql_verify_found=found, __postgresql_verify_rolled={"results": rolled})
    )


def test_a_prepared_transaction_is_gone_from_a_sandbox_and_told_in_place() -> None:
    assert held(["a"], [{"query_result": {}}], quiet=True) == []
    assert held(["a"], [{"msg": "it is busy"}], quiet=True) == [{"msg": "it is busy"}]
    assert held(["a"], [], quiet=False) == ["a"]
    assert held([], [], quiet=False) == []


def test_subscriptions_are_disabled_before_any_other_server_starts() -> None:
    names = [task["name"] for task in load("roles/postgresql/tasks/restore/replay.yml")]
    disabled, stopped = names.index("Leave subscriptions to a person"), names.index("Stop the recovery server")
    assert names.index("Recover") < disabled < stopped


def test_what_the_data_carries_is_told_where_the_check_passes() -> None:
    """A check that passed has no message, so it stands in what was found."""
    (told,) = (
        task["drillbook.platform.drillbook_check"]
        for task in load("roles/postgresql/tasks/verify/carried.yml")
        if task["name"] == "Check that subscriptions wait for a person"
    )
    carries = "__postgresql_verify_carries"
    passed = Check.from_event(
        {"name": "x", "stage": "verify", "passed": True, **{key: told.get(key) for key in ("actual", "message")}}
    )
    assert carries in passed.actual
    assert passed.message == ""
