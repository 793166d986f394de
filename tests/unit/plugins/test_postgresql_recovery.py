"""A restored server that can never be asked is told at once, with what to do; one that only starts up is waited for."""

from pathlib import Path
from types import ModuleType

import pytest
from tests.support.modules import module_at

MODULE = Path(__file__).resolve().parents[3] / "plugins/modules/postgresql_recovery.py"
AT = 'connection to server on socket "/run/x/.s.PGSQL.5432" failed: '


@pytest.fixture(scope="module")
def recovery() -> ModuleType:
    return module_at(MODULE)


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ('FATAL:  role "postgres" does not exist', "postgresql_superuser"),
        ('FATAL:  database "postgres" does not exist', "make it in the cluster"),
        (
            'FATAL:  database locale is incompatible with operating system\nDETAIL:  It was initialized with LC_COLLATE "de_DE".',
            "locale-gen",
        ),
    ],
)
def test_what_stays_is_told_with_its_remedy(recovery: ModuleType, words: str, remedy: str) -> None:
    with pytest.raises(recovery.HopelessError) as told:
        recovery.refuse_hopeless(AT + words)
    assert remedy in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "words",
    [
        "FATAL:  the database system is starting up",
        "FATAL:  the database system is not yet accepting connections\nDETAIL:  Consistent recovery state has not been yet reached.",
        "No such file or directory\n\tIs the server running locally and accepting connections on that socket?",
    ],
)
def test_what_passes_is_waited_for(recovery: ModuleType, words: str) -> None:
    try:
        recovery.refuse_hopeless(AT + words)
    except recovery.HopelessError as error:
        pytest.fail(f"it was given up: {error}")


# PostgreSQL 17's words: the first where it lets sessions in, the second before that.
PAUSED = """
2026-01-31 12:00:01 UTC [7] LOG:  restored log file "000000010000000000000007" from archive
2026-01-31 12:00:01 UTC [7] WARNING:  hot standby is not possible because of insufficient parameter settings
2026-01-31 12:00:01 UTC [7] DETAIL:  max_connections = 50 is a lower setting than on the primary server, where its value was 300.
2026-01-31 12:00:01 UTC [7] LOG:  recovery has paused
2026-01-31 12:00:01 UTC [7] DETAIL:  If recovery is unpaused, the server will shut down.
"""
ABORTED = PAUSED.replace("WARNING:  hot standby is not possible", "FATAL:  recovery aborted")


@pytest.mark.parametrize("log", [PAUSED, ABORTED], ids=["paused", "aborted"])
def test_settings_that_the_replay_outgrew_are_told_from_the_log(recovery: ModuleType, tmp_path: Path, log: str) -> None:
    path = tmp_path / "server.log"
    path.write_text(log, encoding="utf-8")
    assert "max_connections = 50 is a lower setting" in recovery.outgrown(str(path))


def test_another_pause_is_none_of_those(recovery: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_text("LOG:  recovery has paused\nHINT:  Execute pg_wal_replay_resume() to continue.\n", encoding="utf-8")
    assert recovery.outgrown(str(path)) == ""
    assert recovery.outgrown(str(tmp_path / "missing")) == ""
