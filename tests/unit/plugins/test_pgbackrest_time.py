"""Times of the command line, as pgBackRest reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from tests.support.modules import module_at

ROOT = Path(__file__).resolve().parents[3]
filters = module_at(ROOT / "plugins/filter/pgbackrest.py")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("2026-01-31T12:00:00Z", "2026-01-31 12:00:00+00"),
        ("2026-01-31T12:00:00.999Z", "2026-01-31 12:00:00+00"),
        ("2026-01-31T13:30:00+01:00", "2026-01-31 12:30:00+00"),
    ],
)
def test_it_is_whole_seconds_rounded_down(text: str, expected: str) -> None:
    assert filters.FilterModule().filters()["pgbackrest_time"](text) == expected


@pytest.mark.parametrize("text", ["yesterday", "2026-01-31T12:00:00"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(AnsibleFilterError, match="write it like"):
        filters.pgbackrest_time(text)
