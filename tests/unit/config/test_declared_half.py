"""An inventory of two halves, whose provider is away: what is declared is enough for some, and the others are told what to name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drillbook.config import read_inventory
from drillbook.errors import ConfigurationError
from drillbook.process import Completed

if TYPE_CHECKING:
    from pathlib import Path

DECLARED = "all:\n  hosts:\n    db1: {ansible_host: 192.0.2.11}\n"
ASKING = """\
plugin: community.proxmox.proxmox
url: https://127.0.0.1:9
user: drillbook@pve
token_id: provision
token_secret: not-so-secret
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "hosts.yml").write_text(DECLARED)
    (tmp_path / "cluster.proxmox.yml").write_text(ASKING)
    (tmp_path / "ansible.cfg").write_text("[inventory]\nany_unparsed_is_failed = true\n")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/all.yml").write_text("drillbook_state_directory: /srv/drillbook\n")
    return tmp_path


def test_a_provider_that_is_away_is_named_with_the_way_around_it(source: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_inventory([source], root=source)
    assert "cluster.proxmox.yml" in caught.value.message
    assert f"-i {source / 'hosts.yml'}" in caught.value.remedy
    assert "not-so-secret" not in str(caught.value)
    found = read_inventory([source / "hosts.yml"], root=source)
    assert (found.hosts_of("all"), found.value_of("db1", "drillbook_state_directory")) == (("db1",), "/srv/drillbook")


def test_for_whom_the_declared_half_is_enough_it_is_taken_and_that_is_said(source: Path) -> None:
    said: list[str] = []
    found = read_inventory([source], root=source, declared_is_enough=said.append)
    assert found.value_of("db1", "drillbook_state_directory") == "/srv/drillbook"
    (line,) = said
    assert line.startswith("warning: only what is declared is known: ansible-inventory failed: ")


@pytest.mark.parametrize("broken", ["hosts.yml", "group_vars/all.yml"])
def test_a_declared_half_that_is_broken_is_never_enough(source: Path, broken: str) -> None:
    (source / broken).write_text("a: [")
    with pytest.raises(ConfigurationError, match="ansible-inventory failed"):
        read_inventory([source], root=source, declared_is_enough=lambda _line: None)


def failing(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setattr("drillbook.config.reading.process.run", lambda *_words, **_options: Completed(1, "", said))


def test_one_half_alone_needs_no_other_advice(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source / "cluster.proxmox.yml").unlink()
    failing(monkeypatch, "it can't be parsed")
    with pytest.raises(ConfigurationError) as caught:
        read_inventory([source], root=source, declared_is_enough=lambda _line: None)
    assert caught.value.remedy == "Correct the inventory."


def test_of_a_long_text_the_beginning_and_the_end_are_shown(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ansible names the cause first, and then shows much of what it has read."""
    failing(monkeypatch, f"the cause {'x' * 5000} the end")
    with pytest.raises(ConfigurationError) as caught:
        read_inventory([source], root=source)
    assert caught.value.message.startswith("ansible-inventory failed: the cause xx")
    assert caught.value.message.endswith("xx the end")
    assert " [...] " in caught.value.message
    assert len(caught.value.message) < 1400
