"""The watch over held packages: a security update that waits is told, by name and version, and nothing else is."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import total_ordering
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.modules import module_at

if TYPE_CHECKING:
    from types import ModuleType

WATCH = Path(__file__).resolve().parents[3] / "roles/host_baseline/files/updates_check.py"
HELD = ["^patroni$", "^postgresql"]


@pytest.fixture(scope="module")
def watch() -> ModuleType:
    return module_at(WATCH)


@dataclass(frozen=True)
class Origin:
    label: str


@total_ordering
@dataclass(frozen=True)
class Version:
    """A version whose text sorts as it is, and where it comes from."""

    version: str
    origins: tuple[Origin, ...] = field(default=(Origin("Debian"),), compare=False)

    def __lt__(self, other: Version) -> bool:
        return self.version < other.version


@dataclass
class Package:
    name: str
    installed: Version | None
    versions: list[Version] = field(default_factory=list)


SECURITY = (Origin("Debian"), Origin("Debian-Security"))


def test_a_security_update_of_a_held_package_is_told(watch: ModuleType) -> None:
    packages = [
        Package(
            "postgresql-17", Version("17.1"), [Version("17.1"), Version("17.2", SECURITY), Version("17.3", SECURITY)]
        ),
        Package("patroni", Version("4.0"), [Version("4.0", SECURITY), Version("4.1")]),
    ]
    assert watch.waiting(packages, HELD) == ["postgresql-17: 17.3 is a security update, and 17.1 is installed"]


@pytest.mark.parametrize(
    "package",
    [
        Package("nginx", Version("1"), [Version("2", SECURITY)]),
        Package("patroni-doc", Version("1"), [Version("2", SECURITY)]),
        Package("patroni", None, [Version("2", SECURITY)]),
        Package("patroni", Version("2"), [Version("1", SECURITY)]),
    ],
    ids=["not held", "another name", "not installed", "older"],
)
def test_what_waits_for_nobody_is_not_told(watch: ModuleType, package: Package) -> None:
    assert watch.waiting([package], HELD) == []


def test_the_metric_is_replaced_as_a_whole(watch: ModuleType, tmp_path: Path) -> None:
    for count in (2, 0):
        watch.write(tmp_path / "updates.prom", count)
    assert (tmp_path / "updates.prom").read_text(encoding="utf-8").splitlines()[
        -1
    ] == "drillbook_held_security_updates 0"
    assert [path.name for path in tmp_path.iterdir()] == ["updates.prom"]
