"""Every page is in the index, and no link leads nowhere: neither to a missing file nor to a missing heading."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from tests.hygiene.conftest import ROOT, repository_files
from tests.hygiene.prose import CODE_SPAN, FENCE

INDEX = ROOT / "docs/README.md"
PAGES = [path for path in repository_files() if path.suffix == ".md" and ROOT / "docs" in [*path.parents]]
ALL = [*PAGES, *(path for path in repository_files() if path.suffix == ".md" and path.parent == ROOT)]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FOREIGN = re.compile(r"[a-z]+:")


def text(page: Path) -> str:
    """The page without its code blocks."""
    kept, fence = [], ""
    for line in page.read_text(encoding="utf-8").splitlines():
        found = FENCE.match(line)
        if found and (not fence or found[1].startswith(fence)):
            fence = "" if fence else found[1]
        elif not fence:
            kept.append(line)
    return "\n".join(kept)


@cache
def anchors(page: Path) -> frozenset[str]:
    """What a heading is called in a link, as GitHub and GitLab make it."""
    found: list[str] = []
    for heading in re.findall(r"^#+ (.+?)\s*$", text(page), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.append(slug if slug not in found else f"{slug}-{found.count(slug)}")
    return frozenset(found)


def links(page: Path) -> list[str]:
    """The targets within the tree, also those that wrap from line to line."""
    plain = CODE_SPAN.sub("code", " ".join(text(page).split()))
    return [target for target in LINK.findall(plain) if not FOREIGN.match(target)]


def broken(page: Path) -> list[str]:
    """Links of a page that lead nowhere."""
    wrong = []
    for target in links(page):
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
            wrong.append(target)
    return wrong


def indexed(index: Path) -> set[Path]:
    return {(index.parent / target.partition("#")[0]).resolve() for target in links(index)}


def test_every_page_is_in_the_index() -> None:
    assert set(PAGES) - {INDEX} - indexed(INDEX) == set()


@pytest.mark.parametrize("page", ALL, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_link_leads_nowhere(page: Path) -> None:
    assert broken(page) == []


def test_links_are_found() -> None:
    assert sum(len(links(page)) for page in ALL) > 100
    assert len(indexed(INDEX)) > 20


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "other.md").write_text("# A `title`: of [it](x.md)\n\n## Twice\n\n## Twice\n", encoding="utf-8")
    return tmp_path / "page.md"


@pytest.mark.parametrize(
    "written",
    ["[a](missing.md)", "[a](other.md#nothing)", "[a](#nothing)", "[a\nb](missing.md)", "| [a](missing.md) |"],
)
def test_a_broken_link_is_found(page: Path, written: str) -> None:
    page.write_text(f"# Page\n\n{written}\n", encoding="utf-8")
    assert len(broken(page)) == 1


@pytest.mark.parametrize(
    "written",
    [
        "[a](other.md)",
        "[a](other.md#a-title-of-it)",
        "[a](other.md#twice-1)",
        "[a](#page)",
        "[a](https://example.org/missing.md)",
        "`[a](missing.md)`",
        "```\n[a](missing.md)\n```",
    ],
)
def test_a_good_link_is_left_alone(page: Path, written: str) -> None:
    page.write_text(f"# Page\n\n{written}\n", encoding="utf-8")
    assert broken(page) == []
