"""A world for each kind of service, and the end of whatever a test left in one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.kinds.subjects import FakeSubject, MachinesSubject
from tests.contract.machine_drills.test_in_place import recoverable
from tests.support.fake_kind.world import FakeWorld

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.contract.kinds.subjects import Whole


@contextmanager
def fake_world(folder: Path, **options: Any) -> Iterator[FakeWorld]:
    """A world in ``folder``; processes that live on in the end are killed."""
    folder.mkdir(parents=True, exist_ok=True)
    made = FakeWorld(folder, **options)
    try:
        yield made
    finally:
        made.end_everything()


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeWorld]:
    """A service of the fake kind with good backups."""
    with fake_world(tmp_path / "world") as made:
        yield made


@pytest.fixture
def fake_with(tmp_path: Path) -> Callable[..., AbstractContextManager[FakeWorld]]:
    """The same with other settings: ``with fake_with(drill={...}) as fake``."""
    return lambda **options: fake_world(tmp_path / "world", **options)


@contextmanager
def fake_subject(tmp_path: Path) -> Iterator[FakeSubject]:
    with fake_world(tmp_path / "world") as made:
        yield FakeSubject(made)


@contextmanager
def machines_subject(tmp_path: Path) -> Iterator[MachinesSubject]:
    with recoverable(tmp_path) as made:
        yield MachinesSubject(made)


OWN_WORLDS = {"fake": fake_subject, "machines": machines_subject}


@pytest.fixture(params=OWN_WORLDS)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Whole]:
    """Each kind that has a world of the tests' own; PostgreSQL's is the lab (tests/faults/test_promises_of_a_kind.py)."""
    with OWN_WORLDS[request.param](tmp_path) as made:
        yield made


@pytest.fixture
def whole(subject: Whole) -> Whole:
    """The same, for what is asked of such a world alone."""
    return subject
