"""An inventory that has not changed is not read again, and one that may have is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from drillbook import process
from drillbook.config import read_inventory
from drillbook.config.remembered import folder

if TYPE_CHECKING:
    from collections.abc import Callable

HOSTS = """\
all:
  vars: {drillbook_state_directory: /srv/drillbook, vault_password: hunter2}
  children:
    main:
      hosts: {db1: {ansible_host: 192.0.2.11, ansible_password: hunter2}}
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "ansible.cfg").write_text("[defaults]\n")
    inventory = tmp_path / "inventory"
    (inventory / "group_vars/main").mkdir(parents=True)
    (inventory / "hosts.yml").write_text(HOSTS)
    (inventory / "group_vars/main/service.yml").write_text("drillbook_service: {name: main}\n")
    return inventory


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each time that Ansible was started."""
    started: list[str] = []
    real = process.run

    def run(argv: list[str], **options: Any) -> process.Completed:
        started.append(argv[0])
        return real(argv, **options)

    monkeypatch.setattr("drillbook.config.reading.process.run", run)
    return started


def kept() -> list[Path]:
    return sorted(folder().glob("*")) if folder().exists() else []


def test_what_has_not_changed_is_read_once_and_reads_the_same(source: Path, asked: list[str]) -> None:
    first, second = (read_inventory([source], root=source.parent) for _ in range(2))
    assert first == second
    assert second.groups["main"].variables == {"drillbook_service": {"name": "main"}}
    assert second.value_of("db1", "ansible_host") == "192.0.2.11"
    assert len(asked) == 1


def test_no_secret_is_kept_and_nobody_else_reads_it(source: Path) -> None:
    found = read_inventory([source], root=source.parent)
    (path,) = kept()
    assert "hunter2" not in path.read_text() + repr(found)
    assert "vault_password" in found.groups["all"].variables, "its name is kept, so that a wrong one can be told"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def written(place: str, text: str) -> Callable[[Path, pytest.MonkeyPatch], None]:
    def change(source: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
        path = source.parent / place
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)

    return change


def removed(source: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    (source / "group_vars/main/service.yml").unlink()


def linked(source: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    (source.parent / "elsewhere.yml").write_text("drillbook_service: {name: other}\n")
    (source / "group_vars/main/service.yml").unlink()
    (source / "group_vars/main/service.yml").symlink_to(source.parent / "elsewhere.yml")


def environment(_source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_HASH_BEHAVIOUR", "merge")


@pytest.mark.parametrize(
    "change",
    [
        written("inventory/hosts.yml", HOSTS.replace("db1", "db2")),
        written("inventory/group_vars/main/service.yml", "drillbook_service: {name: mine}\n"),
        written("inventory/host_vars/db1/own.yml", "one: 1\n"),
        written("inventory/more.yml", "all: {hosts: {db3: {}}}\n"),
        written("ansible.cfg", "[defaults]\nforks = 7\n"),
        removed,
        linked,
        environment,
    ],
)
def test_what_has_changed_is_read_again(
    source: Path,
    asked: list[str],
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path, pytest.MonkeyPatch], None],
) -> None:
    read_inventory([source], root=source.parent)
    change(source, monkeypatch)
    found = read_inventory([source], root=source.parent)
    assert len(asked) == 2
    assert found == read_inventory([source], root=source.parent)
    assert len(asked) == 2


def test_variables_beside_a_file_count_and_its_neighbours_do_not(source: Path, asked: list[str]) -> None:
    read_inventory([source / "hosts.yml"], root=source.parent)
    (source / "more.yml").write_text("all: {hosts: {db3: {}}}\n")
    read_inventory([source / "hosts.yml"], root=source.parent)
    assert len(asked) == 1
    (source / "group_vars/main/service.yml").write_text("drillbook_service: {name: mine}\n")
    found = read_inventory([source / "hosts.yml"], root=source.parent)
    assert found.groups["main"].variables["drillbook_service"] == {"name": "mine"}


@pytest.mark.parametrize(
    ("name", "text", "mode"),
    [
        ("asks.yml", "plugin: ansible.builtin.constructed\nstrict: false\n", 0o644),
        ("asks.yml", "{'plugin': 'ansible.builtin.constructed', 'strict': false}\n", 0o644),
        ("asks", '#!/bin/sh\necho \'{"_meta": {"hostvars": {}}}\'\n', 0o755),
    ],
)
def test_what_asks_somebody_is_asked_each_time(source: Path, asked: list[str], name: str, text: str, mode: int) -> None:
    (source / name).write_text(text)
    (source / name).chmod(mode)
    read_inventory([source], root=source.parent)
    read_inventory([source], root=source.parent)
    assert (len(asked), kept()) == (2, [])


def others_write(path: Path) -> None:
    path.chmod(0o666)


def others_write_beside(path: Path) -> None:
    path.parent.chmod(0o777)


def is_a_link(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


def is_cut_off(path: Path) -> None:
    path.write_text(path.read_text()[:-20])


def is_no_inventory(path: Path) -> None:
    path.write_text("[]")


@pytest.mark.parametrize("spoil", [others_write, others_write_beside, is_a_link, is_cut_off, is_no_inventory])
def test_what_another_could_have_written_is_not_taken(
    source: Path, asked: list[str], spoil: Callable[[Path], None]
) -> None:
    first = read_inventory([source], root=source.parent)
    spoil(kept()[0])
    assert read_inventory([source], root=source.parent) == first
    assert len(asked) == 2


def test_an_inventory_that_is_changed_while_it_is_read_is_not_kept(
    source: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = process.run

    def run(argv: list[str], **options: Any) -> process.Completed:
        done = real(argv, **options)
        (source / "hosts.yml").write_text(HOSTS.replace("db1", "db2"))
        return done

    monkeypatch.setattr("drillbook.config.reading.process.run", run)
    read_inventory([source], root=source.parent)
    assert kept() == []
    assert read_inventory([source], root=source.parent).hosts_of("main") == ("db2",)


def test_a_place_that_can_not_be_written_costs_nothing_but_time(
    source: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    read_inventory([source], root=source.parent)
    assert read_inventory([source], root=source.parent).hosts_of("main") == ("db1",)
    assert len(asked) == 2


def test_the_oldest_go(source: Path) -> None:
    read_inventory([source], root=source.parent)
    (first,) = kept()
    for number in range(20):
        other = folder() / f"{number}.json"
        other.write_text("{}")
        os.utime(other, (first.stat().st_mtime + 60,) * 2)
    (source / "more.yml").write_text("all: {hosts: {db3: {}}}\n")
    read_inventory([source], root=source.parent)
    assert len(kept()) == 20
    assert first not in kept()
