"""How long a group's commands wait for what something else holds."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.config.test_machine_hook import group

from drillbook.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("machines", "seconds"), [({}, 600), ({"lock_wait_seconds": 0}, 0), ({"lock_wait_seconds": 7}, 7)]
)
def test_it_is_what_the_group_says(tmp_path: Path, machines: dict[str, Any], seconds: int) -> None:
    assert group(tmp_path, **machines).lock_wait == timedelta(seconds=seconds)


@pytest.mark.parametrize("seconds", [-1, float("inf"), float("nan")])
def test_it_is_a_time_that_ends(tmp_path: Path, seconds: float) -> None:
    with pytest.raises(ConfigurationError, match="lock_wait_seconds"):
        group(tmp_path, lock_wait_seconds=seconds)
