"""What drillbook's own sessions set for themselves: enough that a database's owner bends none, and nothing that its server refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from tests.support.modules import module_at

ROOT = Path(__file__).resolve().parents[3]
filters = module_at(ROOT / "plugins/filter/postgresql.py")

BENT = (
    "role",
    "search_path",
    "local_preload_libraries",
    "row_security",
    "statement_timeout",
    "client_min_messages",
    "lock_timeout",
)
ONLY_SUPERUSERS = {
    "event_triggers",
    "session_preload_libraries",
    "log_statement",
    "log_min_error_statement",
    "track_activities",
}


def options(version: int, sort: str) -> dict[str, str]:
    """The settings of one sort of session, as the server splits them."""
    text = filters.postgresql_sessions(version)[sort]["PGOPTIONS"]
    assert text.startswith("-c ")
    return dict(part.split("=", 1) for part in text.removeprefix("-c ").split(" -c "))


@pytest.mark.parametrize("sort", ["reading", "writing", "secret", "reader", "agent"])
def test_no_session_is_bent_by_a_database_or_its_owner(sort: str) -> None:
    settings = options(17, sort)
    assert set(BENT) <= set(settings)
    assert (settings["role"], settings["search_path"], settings["row_security"]) == ("none", "pg_catalog", "off")
    assert settings["default_transaction_read_only"] == ("on" if sort.startswith("read") else "off")


@pytest.mark.parametrize("sort", ["reading", "writing", "secret"])
def test_a_superuser_starts_nothing_by_a_login(sort: str) -> None:
    assert options(17, sort)["event_triggers"] == "off"
    assert options(17, sort)["session_preload_libraries"] == ""


@pytest.mark.parametrize("sort", ["reader", "agent"])
def test_who_is_no_superuser_sets_nothing_that_only_one_may(sort: str) -> None:
    """The server would refuse the login."""
    assert not ONLY_SUPERUSERS & set(options(17, sort))


def test_a_password_reaches_no_log() -> None:
    settings = options(17, "secret")
    assert settings["log_min_error_statement"] == "panic"
    assert (settings["log_statement"], settings["log_min_duration_statement"], settings["log_min_duration_sample"]) == (
        "none",
        "-1",
        "-1",
    )
    assert (settings["pg_stat_statements.track_utility"], settings["track_activities"]) == ("off", "off")


@pytest.mark.parametrize(
    ("version", "unknown"),
    [
        (13, {"idle_session_timeout", "transaction_timeout", "event_triggers"}),
        (16, {"transaction_timeout", "event_triggers"}),
        (18, set()),
    ],
)
def test_a_server_is_told_nothing_that_it_does_not_know(version: int, unknown: set[str]) -> None:
    every = {"idle_session_timeout", "transaction_timeout", "event_triggers"}
    assert every - set(options(version, "reading")) == unknown


@pytest.mark.parametrize("version", ["", "17.2", "latest"])
def test_what_is_no_version_is_refused(version: str) -> None:
    with pytest.raises(AnsibleFilterError, match="no major version"):
        filters.postgresql_sessions(version)
