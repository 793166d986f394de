"""What `drillbook config check` prints, and its exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.world import inventory_json
from typer.testing import CliRunner

from drillbook.cli.main import app
from drillbook.config import Inventory

if TYPE_CHECKING:
    from pathlib import Path


def check(
    monkeypatch: pytest.MonkeyPatch, directory: Path, spoiled: dict[str, Any], *options: str
) -> tuple[int, str, str]:
    """The answer for a good inventory with some keys of the group `all` changed."""
    data = inventory_json(directory)
    data["all"]["vars"] |= spoiled
    monkeypatch.setattr("drillbook.app.read_inventory", lambda *_sources, **_root: Inventory.parse(data))
    result = CliRunner().invoke(app, ["config", "check", "--inventory", "inventories/yours", *options])
    return result.exit_code, result.stdout, result.stderr


def test_a_good_one_is_one_line_that_says_what_was_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    line = "no fault, 1 service (main), 1 drill (main-latest), 0 machine groups, 1 provider (lab), 1 sandbox host (sandbox1)"
    assert check(monkeypatch, tmp_path, {}) == (0, f"inventories/yours: {line}\n", "")


def test_all_faults_are_printed_one_a_line_unknown_keys_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wrong = {"drillbook_run_deadline_seconds": 0, "drillbook_state_directory": "state", "drillbook_escrows": []}
    code, out, err = check(monkeypatch, tmp_path, wrong)
    lines = out.splitlines()
    assert (code, err) == (2, "")
    assert lines[0].startswith(
        "unknown key (in group_vars of all, key drillbook_escrows). Did you mean 'drillbook_escrow'?"
    )
    assert "key drillbook_state_directory" in lines[1]
    assert "key drillbook_run_deadline_seconds" in lines[2]
    assert lines[3:] == ["inventories/yours: 3 faults"]


def test_json_is_one_document_with_all_of_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code, out, _err = check(monkeypatch, tmp_path, {"drillbook_escrows": []}, "--json")
    answer = json.loads(out)
    assert (code, list(answer)) == (2, ["faults"])
    (fault,) = answer["faults"]
    assert (fault["message"], fault["owner"], fault["key"], fault["files"]) == (
        "unknown key", "group_vars of all", "drillbook_escrows", [],
    )  # fmt: skip
    assert fault["remedy"].startswith("Did you mean 'drillbook_escrow'?")
    code, out, _err = check(monkeypatch, tmp_path, {}, "--json")
    assert (code, json.loads(out)) == (
        0,
        {
            "faults": [],
            "services": ["main"],
            "drills": ["main-latest"],
            "machine_groups": [],
            "providers": ["lab"],
            "sandbox_hosts": ["sandbox1"],
        },
    )
