"""Tablespaces are set aside where they lie, and come back; whatever a run that was cut off left, old data is never taken for a restore's."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.modules import module_at

if TYPE_CHECKING:
    from types import ModuleType

MODULE = Path(__file__).resolve().parents[3] / "plugins/modules/postgresql_tablespaces.py"
VERSION, CATALOGUE = "17", "PG_17_202406281"
KEPT = f"{CATALOGUE}.before-restore"


@pytest.fixture(scope="module")
def tablespaces() -> ModuleType:
    return module_at(MODULE)


class Cluster:
    """A data directory, and what lies in its tablespaces."""

    def __init__(self, below: Path, *names: str) -> None:
        """With a tablespace of each name, holding ``old``."""
        self.data, self.aside = below / "main", below / "main.before-restore"
        self.locations = [below / name for name in names]
        for location in self.locations:
            location.mkdir(exist_ok=True)
        self.fill("old")

    def fill(self, content: str) -> None:
        """As initdb, a restore, or a server has it."""
        (self.data / "pg_tblspc").mkdir(parents=True)
        for number, location in enumerate(self.locations):
            (location / CATALOGUE / "5").mkdir(parents=True)
            (location / CATALOGUE / "5/1234").write_text(content)
            (self.data / f"pg_tblspc/{16384 + number}").symlink_to(location)

    def content(self, name: str = CATALOGUE) -> list[str]:
        """What is found in each, in order; nothing where there is none."""
        return [
            (place / name / "5/1234").read_text() if (place / name).exists() else "none" for place in self.locations
        ]


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path, "fast", "large")


def each(tablespaces: ModuleType, links_of: Path, state: str, *, replace: bool = False) -> bool:
    changed = [tablespaces.brought(place, VERSION, state, replace=replace) for place in tablespaces.locations(links_of)]
    return any(changed)


def set_aside(tablespaces: ModuleType, cluster: Cluster) -> None:
    cluster.data.rename(cluster.aside)
    assert each(tablespaces, cluster.aside, "aside")


def test_they_are_set_aside_and_put_back(tablespaces: ModuleType, cluster: Cluster) -> None:
    set_aside(tablespaces, cluster)
    assert (cluster.content(), cluster.content(KEPT)) == (["none", "none"], ["old", "old"])
    cluster.fill("restored")
    assert each(tablespaces, cluster.aside, "back")
    assert (cluster.content(), cluster.content(KEPT)) == (["old", "old"], ["none", "none"])
    assert not each(tablespaces, cluster.aside, "back")


def test_they_are_given_up(tablespaces: ModuleType, cluster: Cluster) -> None:
    set_aside(tablespaces, cluster)
    cluster.fill("restored")
    assert each(tablespaces, cluster.aside, "given_up")
    assert (cluster.content(), cluster.content(KEPT)) == (["restored", "restored"], ["none", "none"])


def test_what_a_restore_left_goes_and_what_was_aside_stays(tablespaces: ModuleType, cluster: Cluster) -> None:
    set_aside(tablespaces, cluster)
    cluster.fill("restored")
    assert each(tablespaces, cluster.data, "absent")
    assert (cluster.content(), cluster.content(KEPT)) == (["none", "none"], ["old", "old"])


def test_an_unfinished_restore_s_go_at_the_next(tablespaces: ModuleType, cluster: Cluster) -> None:
    set_aside(tablespaces, cluster)
    cluster.fill("restored")
    assert each(tablespaces, cluster.aside, "aside", replace=True)
    assert (cluster.content(), cluster.content(KEPT)) == (["none", "none"], ["old", "old"])


def test_what_has_been_in_use_since_is_refused(tablespaces: ModuleType, cluster: Cluster) -> None:
    set_aside(tablespaces, cluster)
    cluster.fill("in use")
    with pytest.raises(FileExistsError, match="has been in use since"):
        each(tablespaces, cluster.aside, "aside")
    assert (cluster.content(), cluster.content(KEPT)) == (["in use", "in use"], ["old", "old"])


def test_other_versions_and_what_lies_inside_are_not_touched(tablespaces: ModuleType, cluster: Cluster) -> None:
    """A location may be that of a server of another version, too."""
    other = cluster.locations[0] / "PG_16_202307071"
    other.mkdir()
    inside = cluster.data / "inside"
    (inside / CATALOGUE).mkdir(parents=True)
    (cluster.data / "pg_tblspc/7").symlink_to(inside)
    (cluster.data / "pg_tblspc/8").symlink_to(cluster.data.parent / "gone")
    (cluster.data / "pg_tblspc/9").mkdir()
    assert tablespaces.locations(cluster.data) == cluster.locations
    each(tablespaces, cluster.data, "absent")
    assert (other.exists(), (inside / CATALOGUE).exists()) == (True, True)


def test_there_is_nothing_to_do_without_a_data_directory(tablespaces: ModuleType, tmp_path: Path) -> None:
    assert tablespaces.locations(tmp_path / "none") == []
    assert tablespaces.room([], VERSION, tmp_path / "none") == {"tablespaces": [], "apart_bytes": 0, "short": []}


@given(
    cut=st.lists(st.sampled_from(["restore", "put back"]), max_size=4), after=st.lists(st.integers(0, 4), max_size=4)
)
def test_old_data_survives_whatever_is_cut_off(
    tablespaces: ModuleType, tmp_path_factory: pytest.TempPathFactory, cut: list[str], after: list[int]
) -> None:
    """The steps of restore/aside.yml and restore/back.yml, each run ended after any number of them, and then the whole of both."""
    cluster = Cluster(tmp_path_factory.mktemp("cut"), "fast", "large")
    unfinished = cluster.data.parent / "unfinished"

    def remove_restored() -> None:
        each(tablespaces, cluster.data, "absent")
        _remove(cluster.data)

    def restore(steps: int) -> None:
        given_up = unfinished.exists()
        if cluster.data.exists() and cluster.aside.exists() and not given_up:
            return  # refused: only putting back goes on
        for act in (
            lambda: remove_restored() if given_up and cluster.data.exists() else None,
            lambda: cluster.data.rename(cluster.aside) if cluster.data.exists() else None,
            lambda: each(tablespaces, cluster.aside, "aside", replace=given_up),
            unfinished.touch,
            lambda: cluster.fill("restored"),
        )[:steps]:
            act()

    def put_back(steps: int) -> None:
        if not cluster.aside.exists():
            return
        for act in (
            lambda: unfinished.unlink(missing_ok=True),
            remove_restored,
            lambda: each(tablespaces, cluster.aside, "back"),
            lambda: cluster.aside.rename(cluster.data),
        )[:steps]:
            act()

    for what, steps in zip(cut, after, strict=False):
        restore(steps) if what == "restore" else put_back(steps)
    restore(5)
    assert "old" in (*cluster.content(), *cluster.content(KEPT))
    put_back(4)
    assert (cluster.content(), cluster.content(KEPT)) == (["old", "old"], ["none", "none"])


def _remove(folder: Path) -> None:
    for name, folders, files in os.walk(folder, topdown=False):
        for entry in (*folders, *files):
            path = Path(name, entry)
            path.unlink() if path.is_symlink() or path.is_file() else path.rmdir()
    if folder.exists():
        folder.rmdir()


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Path of a file system -> its free blocks; each tablespace a file system of its own, or of the device that is named."""
    blocks: dict[str, int] = {}

    class FileSystem:
        f_frsize = 4096

        def __init__(self, path: Path) -> None:
            self.f_bavail = blocks[path.name]

    monkeypatch.setattr(os, "statvfs", FileSystem)
    return blocks


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    numbers: dict[str, int] = {}
    stat = Path.stat

    def seen(path: Path, *, follow_symlinks: bool = True) -> SimpleNamespace:
        real = stat(path, follow_symlinks=follow_symlinks)
        return SimpleNamespace(st_mode=real.st_mode, st_blocks=real.st_blocks, st_dev=numbers.get(path.name, 1))

    monkeypatch.setattr(Path, "stat", seen)
    return numbers


@pytest.mark.parametrize(
    ("device", "blocks", "short"),
    [
        ({}, {}, []),
        ({"fast": 2}, {"fast": 1}, []),
        ({"fast": 2}, {"fast": 0}, ["fast"]),
        ({"fast": 2, "large": 2}, {"fast": 1}, ["fast", "large"]),
        ({"fast": 2, "large": 3}, {"fast": 1, "large": 0}, ["large"]),
    ],
    ids=["beside the data", "room", "none", "two on one", "two file systems"],
)
def test_a_second_copy_needs_room_where_the_first_lies(
    tablespaces: ModuleType,
    cluster: Cluster,
    free: dict[str, int],
    devices: dict[str, int],
    device: dict[str, int],
    blocks: dict[str, int],
    short: list[str],
) -> None:
    free |= blocks
    places = tablespaces.locations(cluster.data)
    devices |= device
    found = tablespaces.room(places, VERSION, cluster.data)
    assert found["short"] == [str(cluster.data.parent / name) for name in short]
    assert found["apart_bytes"] == 4096 * len(device)
