"""Damage that is PostgreSQL's own: it turns the drill red and names itself. What every kind must find stands in tests/contract/kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.conftest import Drills, SegmentObject

pytestmark = pytest.mark.lab


def test_a_segment_missing_in_the_middle(
    drills: Drills, archived: SegmentObject, replaced: Callable[[str, bytes | None], Any]
) -> None:
    """pgBackRest's restore, info and verify say nothing about it: the check is our own."""
    with replaced(archived.key, None):
        ran = drills.run()
    assert ran.code != 0
    assert "WAL continuity" in ran.failed_checks()
    assert archived.name in ran.why()
    drills.assert_nothing_left()
