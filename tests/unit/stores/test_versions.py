"""What an earlier moment's repository needs to be current again, and only that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from drillbook.errors import InfrastructureError
from drillbook.model import ObjectStore, Repository
from drillbook.stores.versions import Version, VersionedPath, plan_recovery

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def state(key: str, minute: int, *, current: bool = False, deleted: bool = False, etag: str = "") -> Version:
    """A state of a key, so many minutes before or after noon."""
    return Version(key, f"{key}@{minute}", NOON + timedelta(minutes=minute), current, 10, deleted, etag)


def test_a_deleted_object_comes_back() -> None:
    plan = plan_recovery([state("a", -5), state("a", 5, current=True, deleted=True)], NOON)
    assert [version.version_id for version in plan.bring_back] == ["a@-5"]
    assert (plan.size, plan.unchanged, plan.newer) == (10, 0, 0)


def test_an_overwritten_object_comes_back_as_it_was_then() -> None:
    plan = plan_recovery([state("a", -9), state("a", -5), state("a", 5, current=True)], NOON)
    assert [version.version_id for version in plan.bring_back] == ["a@-5"]


def test_what_was_brought_back_already_is_not_copied_again() -> None:
    plan = plan_recovery(
        [state("a", -5, etag="x"), state("a", 5, deleted=True), state("a", 9, current=True, etag="x")], NOON
    )
    assert (plan.bring_back, plan.unchanged) == ((), 1)


def test_what_was_overwritten_with_something_else_is() -> None:
    plan = plan_recovery([state("a", -5, etag="x"), state("a", 9, current=True, etag="y")], NOON)
    assert [version.version_id for version in plan.bring_back] == ["a@-5"]


def test_what_nobody_touched_is_left_alone() -> None:
    plan = plan_recovery([state("a", -5, current=True)], NOON)
    assert (plan.bring_back, plan.unchanged) == ((), 1)


def test_what_came_later_stays() -> None:
    plan = plan_recovery([state("later", 5, current=True)], NOON)
    assert (plan.bring_back, plan.newer) == ((), 1)


def test_what_was_deleted_before_then_stays_deleted() -> None:
    plan = plan_recovery([state("a", -9), state("a", -5, current=True, deleted=True)], NOON)
    assert (plan.bring_back, plan.unchanged, plan.newer) == ((), 0, 0)


def test_what_was_deleted_before_then_and_made_again_later_counts_as_newer() -> None:
    plan = plan_recovery([state("a", -9), state("a", -5, deleted=True), state("a", 5, current=True)], NOON)
    assert (plan.bring_back, plan.newer) == ((), 1)


def test_the_moment_itself_belongs_to_the_past() -> None:
    plan = plan_recovery([state("a", 0), state("a", 1, current=True, deleted=True)], NOON)
    assert [version.version_id for version in plan.bring_back] == ["a@0"]


class FakeClient:
    """Two pages of versions and markers, and copies that it remembers."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.copied: list[tuple[dict[str, str], str, str]] = []

    def get_paginator(self, _name: str) -> FakeClient:
        return self

    def paginate(self, **asked: str) -> list[dict[str, Any]]:
        if self.error:
            raise self.error
        assert asked == {"Bucket": "repository", "Prefix": "pgbackrest/"}
        moment = {"LastModified": NOON}
        return [
            {"Versions": [{"Key": "pgbackrest/a", "VersionId": "1", "IsLatest": False, "Size": 3, **moment}]},
            {"DeleteMarkers": [{"Key": "pgbackrest/a", "VersionId": "2", "IsLatest": True, **moment}]},
        ]

    def copy(self, source: dict[str, str], bucket: str, key: str, **_how: object) -> None:
        self.copied.append((source, bucket, key))


REPOSITORY = Repository("repository", "/pgbackrest")


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore("https://store", "default", None, {}, "evidence", "heartbeat", tmp_path)


def test_versions_and_markers_of_all_pages_are_read_and_copied_inside_the_store(store: ObjectStore) -> None:
    client = FakeClient()
    path = VersionedPath(store, REPOSITORY, client)
    first, marker = path.states()
    assert (first.size, first.deleted, marker.deleted, marker.is_current) == (3, False, True, True)
    done: list[Version] = []
    path.bring_back([first], done.append)
    assert client.copied == [
        ({"Bucket": "repository", "Key": "pgbackrest/a", "VersionId": "1"}, "repository", "pgbackrest/a")
    ]
    assert done == [first]


def test_a_store_that_is_down_is_named(store: ObjectStore) -> None:
    path = VersionedPath(store, REPOSITORY, FakeClient(EndpointConnectionError(endpoint_url="https://store")))
    with pytest.raises(InfrastructureError, match="listing versions"):
        path.states()
