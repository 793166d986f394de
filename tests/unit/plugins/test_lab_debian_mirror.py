"""The lab is built from the mirror that this machine is configured with, in whatever form its sources are written."""

from pathlib import Path
from types import ModuleType

import pytest
from tests.support.modules import module_at

MODULE = Path(__file__).resolve().parents[3] / "plugins/modules/lab_debian_mirror.py"


@pytest.fixture(scope="module")
def mirror() -> ModuleType:
    return module_at(MODULE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("deb http://a/debian bookworm main contrib", [("http://a/debian", "bookworm", "")]),
        ("deb [arch=amd64 signed-by=/k.gpg] http://a bookworm main # note", [("http://a", "bookworm", "/k.gpg")]),
        ("# deb http://a bookworm main", []),
        ("deb-src http://a bookworm main", []),
        ("deb http://a bookworm contrib", []),
    ],
)
def test_one_line_sources(mirror: ModuleType, text: str, expected: list[tuple[str, str, str]]) -> None:
    assert mirror.one_line_sources(text) == expected


def test_deb822_sources(mirror: ModuleType) -> None:
    text = (
        "# a comment\nTypes: deb deb-src\nURIs: http://a http://b\nSuites: bookworm bookworm-updates\nComponents: main\n"
        "Signed-By: /k.gpg\n\nEnabled: no\nTypes: deb\nURIs: http://c\nSuites: bookworm\nComponents: main\n\n"
        "Types: deb\nURIs: http://d\nSuites: bookworm-security\nComponents: main\nSigned-By:\n -----BEGIN PGP\n .\n"
    )
    assert mirror.deb822_sources(text) == [
        ("http://a", "bookworm", "/k.gpg"),
        ("http://a", "bookworm-updates", "/k.gpg"),
        ("http://b", "bookworm", "/k.gpg"),
        ("http://b", "bookworm-updates", "/k.gpg"),
        ("http://d", "bookworm-security", ""),
    ]


def test_archive_and_security_are_told_apart_by_suite(mirror: ModuleType) -> None:
    sources = [
        mirror.Source("http://other", "nodistro", ""),
        mirror.Source("http://security", "bookworm-security", ""),
        mirror.Source("http://archive", "bookworm-updates", ""),
        mirror.Source("http://archive", "bookworm", ""),
    ]
    archive, security = mirror.choose(sources, "bookworm")
    assert archive.address == "http://archive"
    assert security.address == "http://security"


def test_no_debian_source_is_no_mirror(mirror: ModuleType) -> None:
    assert mirror.choose([mirror.Source("http://other", "nodistro", "")], "bookworm") == (None, None)
