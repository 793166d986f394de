"""What every kind of service promises (tests/contract/kinds/test_kinds.py), asked of PostgreSQL in the lab."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.contract.kinds.subjects import PostgresqlSubject
from tests.contract.kinds.test_kinds import (
    test_a_damaged_backup_is_red_and_named,
    test_a_good_drill_proves_everything_and_leaves_nothing,
    test_a_point_before_the_first_backup_is_an_error_that_says_so,
    test_a_restore_in_place_wants_the_exact_name,
    test_data_that_is_too_old_misses_the_rpo_whatever_its_backup_is_dated,
    test_what_can_be_restored_is_said_and_holds,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.faults.conftest import Bucket, Drills

pytestmark = pytest.mark.lab

# Collected here, with the fixture below.
__all__ = [
    "test_a_damaged_backup_is_red_and_named",
    "test_a_good_drill_proves_everything_and_leaves_nothing",
    "test_a_point_before_the_first_backup_is_an_error_that_says_so",
    "test_a_restore_in_place_wants_the_exact_name",
    "test_data_that_is_too_old_misses_the_rpo_whatever_its_backup_is_dated",
    "test_what_can_be_restored_is_said_and_holds",
]


@pytest.fixture
def subject(
    drills: Drills, repository: Bucket, replaced: Callable[[str, bytes | None], AbstractContextManager[None]]
) -> PostgresqlSubject:
    """The lab's cluster."""
    return PostgresqlSubject(drills, repository, replaced)
