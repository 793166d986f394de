"""A restored server that can never be asked is told at once, with what to do; one that only starts up is waited for."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

MODULE = Path(__file__).resolve().parents[3] / "plugins/modules/postgresql_recovery.py"
AT = 'connection to server on socket "/run/x/.s.PGSQL.5432" failed: '


@pytest.fixture(scope="module")
def recovery() -> ModuleType:
    specification = importlib.util.spec_from_file_location("postgresql_recovery", MODULE)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


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
