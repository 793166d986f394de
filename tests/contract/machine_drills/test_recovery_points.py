"""Of machines the provider alone says what can be restored, and only as it is now."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from drillbook.errors import RefusedError

if TYPE_CHECKING:
    from tests.contract.machine_drills.driver import Driver


def test_nobody_else_can_be_named(driver: Driver) -> None:
    with pytest.raises(RefusedError, match="known to its provider alone"):
        driver.recovery_points(where="member")


def test_its_past_cannot_be_asked_for(driver: Driver) -> None:
    with pytest.raises(RefusedError, match="repositories of the kind machines can't be read as they were"):
        driver.recovery_points(repository_time=datetime(2026, 1, 31, tzinfo=UTC))
