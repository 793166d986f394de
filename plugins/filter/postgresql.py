"""What drillbook's own sessions of PostgreSQL set for themselves, whatever the database, its owner or the role sets.

Connection options outrank ``ALTER DATABASE`` and ``ALTER ROLE``, and the owner of a database may say a lot there: where names
are looked up (CVE-2018-1058), as whom a session goes on (``role``), and what ends it. Tasks give them to libpq as
``environment``. A pooler refuses them, so they are for the server's own socket.
"""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

# Any role may set these.
EVERY = {
    "role": "none",
    "search_path": "pg_catalog",
    "local_preload_libraries": "",
    "row_security": "off",
    "default_transaction_deferrable": "off",
    "statement_timeout": "0",
    "lock_timeout": "60s",
    "idle_in_transaction_session_timeout": "0",
    "client_min_messages": "notice",
}
# Only a superuser may, and where nothing is started by its login it has to.
SUPERUSER = {"session_preload_libraries": ""}
SINCE_14 = {"idle_session_timeout": "0"}
SINCE_17 = {"transaction_timeout": "0"}
SUPERUSER_SINCE_17 = {"event_triggers": "off"}
# A statement that holds a password stands in no log, no view of activity and no statistics, also when it fails or waits.
SECRET = {
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_transaction_sample_rate": "0",
    "log_parser_stats": "off",
    "debug_print_parse": "off",
    "debug_print_rewritten": "off",
    "track_activities": "off",
    "pg_stat_statements.track_utility": "off",
    "pgaudit.log": "none",
    "password_encryption": "scram-sha-256",
}
# How values are written as text; the agent renders what it signs in the same way.
RENDERING = {
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "3",
}


def postgresql_sessions(version: str | int) -> dict[str, dict[str, str]]:
    """The ``environment`` of each sort of session with a server of this major version.

    ``reading`` and ``writing`` are a superuser's, ``secret`` writes what holds a password. ``reader`` is of a role that may
    only read: what others own is read by it alone. ``agent`` writes heartbeats, each acknowledged by a standby where there
    is one. A server refuses settings that it does not know, so a version that is
    too high is refused at once, and one that is too low keeps fewer things off. Raises AnsibleFilterError for what is no
    major version.
    """
    if not str(version).isdigit():
        raise AnsibleFilterError(f"'{version}' is no major version of PostgreSQL; write it like 17")
    every = EVERY | (SINCE_14 if int(version) >= 14 else {}) | (SINCE_17 if int(version) >= 17 else {})
    superuser = every | SUPERUSER | (SUPERUSER_SINCE_17 if int(version) >= 17 else {})
    read, write = {"default_transaction_read_only": "on"}, {"default_transaction_read_only": "off"}
    return {
        "reading": environment(superuser | read),
        "writing": environment(superuser | write),
        "secret": environment(superuser | write | SECRET),
        "reader": environment(every | read | RENDERING),
        "agent": environment(every | write | {"synchronous_commit": "on"}),
    }


def environment(settings: dict[str, str]) -> dict[str, str]:
    """What libpq reads: settings without a blank in them, as options of the server."""
    return {"PGOPTIONS": " ".join(f"-c {name}={value}" for name, value in settings.items())}


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Name the filters."""
        return {"postgresql_sessions": postgresql_sessions}
