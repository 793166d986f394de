"""Commands for Proxmox VE in the pages: what one needs is made on the same page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.hygiene.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [page for page in sorted((ROOT / "docs").rglob("*.md")) if "pveum acl modify /pool/" in page.read_text("utf-8")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_pool_that_rights_are_given_on_is_made_before(page: Path) -> None:
    """Proxmox VE takes a right on a pool that is not there without a word."""
    text = page.read_text("utf-8")
    for granted in re.finditer(r"pveum acl modify /pool/(\w+)", text):
        assert f"pveum pool add {granted[1]}\n" in text[: granted.start()]


def test_there_are_such_pages() -> None:
    assert {"backups.md", "snapshots.md", "drill-machines.md", "sandbox-hosts.md", "provision.md"} <= {
        page.name for page in PAGES
    }
