"""The command line: exit codes, JSON on demand, errors as one sentence."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.secret_files import write_secret
from tests.unit.world import inventory_json

from drillbook.cli import main
from drillbook.cli.docs import CLI_PAGE, cli_page
from drillbook.version import told_version

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An inventory whose object store nobody answers for."""
    data = inventory_json(tmp_path)
    (tmp_path / "group_vars").mkdir()
    data["all"]["vars"]["drillbook_object_store"]["endpoint"] = "https://127.0.0.1:9"
    (tmp_path / "group_vars/all.yml").write_text(json.dumps(data["all"]["vars"]))
    (tmp_path / "group_vars/postgresql_main.yml").write_text(json.dumps(data["postgresql_main"]["vars"]))
    groups = {"postgresql_main": {"hosts": {"db1": {}}}, "sandbox": {"hosts": {"sandbox1": {}}}}
    (tmp_path / "hosts.yml").write_text(json.dumps({"all": {"children": groups}}))
    (tmp_path / "credentials").mkdir()
    for user in ("repository_reader", "evidence_writer"):
        write_secret(tmp_path / f"credentials/{user}.json", {"access_key": "a", "secret_key": "s"})
    monkeypatch.setenv("DRILLBOOK_INVENTORY", str(tmp_path / "hosts.yml"))
    return tmp_path


def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["drillbook", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--version",), 0),
        ((), 2),
        (("nonsense",), 2),
        (("drill", "run"), 2),
        (("drill", "run", "nope"), 2),
        (("drill", "run", "main-latest", "--point", "noon"), 2),
        (("drill", "run", "main-latest", "--disaster-at", "noon"), 2),
        (("drill", "plan", "main-latest"), 0),
        (("drill", "list"), 0),
        (("drill", "clean", "--check"), 0),
        (("drill", "run", "main-latest", "--check"), 3),
        (("preflight",), 3),
        (("restore", "main"), 2),
        (("restore", "main", "--in-place"), 2),
        (("restore", "main", "--in-place", "--confirm", "main"), 2),
        (("recovery-points",), 2),
        (("recovery-points", "nope"), 2),
        (("recovery-points", "main", "--from", "nobody"), 2),
        (("status",), 0),
        (("evidence", "list"), 0),
        (("evidence", "show", "last"), 2),
        (("evidence", "verify"), 2),
        (("escrow", "check"), 1),
        (("config", "check"), 0),
        (("config", "check", "-i", "nowhere"), 2),
    ],
)
@pytest.mark.usefixtures("inventory")
def test_exit_codes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int
) -> None:
    found, _out, err = call(monkeypatch, capsys, *arguments)
    assert found == code, err
    assert "Traceback" not in err


@pytest.mark.usefixtures("inventory")
def test_json_is_one_document_also_when_it_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _code, out, _err = call(monkeypatch, capsys, "drill", "plan", "main-latest", "--json")
    assert [step["playbook"] for step in json.loads(out)["tracks"][0]["steps"]] == [
        None,
        "playbooks/restore.yml",
        "playbooks/prove.yml",
    ]
    code, out, err = call(monkeypatch, capsys, "drill", "plan", "nope", "--json")
    assert (code, json.loads(out)["error"]["class"]) == (2, "ConfigurationError")
    assert "Known: main-latest" in err


def test_the_version_is_that_of_the_records(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, capsys, "--version") == (0, f"drillbook {told_version()}\n", "")


def test_without_an_inventory_and_a_lab_nothing_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DRILLBOOK_INVENTORY", raising=False)
    monkeypatch.setenv("DRILLBOOK_LAB", "nolabofthisname")
    monkeypatch.setattr("drillbook.app.read_inventory", lambda *_sources, **_root: pytest.fail("it is read"))
    for verb in (("drill", "list"), ("status",), ("config", "check")):
        code, out, err = call(monkeypatch, capsys, *verb, "--json")
        assert (code, json.loads(out)["error"]["class"]) == (2, "ConfigurationError")
        assert "no inventory was given, and this clone has no lab 'nolabofthisname'" in err


def test_run_with_a_dead_store_is_red_closed_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], inventory: Path
) -> None:
    code, out, err = call(monkeypatch, capsys, "drill", "run", "main-latest", "--json")
    record: dict[str, Any] = json.loads(out)
    assert (code, record["verdict"]) == (3, "ERROR")
    assert "can't be reached" in record["error"]["message"]
    assert record["cleanup"] == []
    assert record["tool_version"] == told_version()
    assert "closed: ERROR" in err
    _code, listed, _err = call(monkeypatch, capsys, "evidence", "list", "--json")
    assert [entry["kind"] for entry in json.loads(listed)] == ["opened", "closed"]
    report = inventory / "reports/last.html"
    code, _out, _err = call(monkeypatch, capsys, "evidence", "report", "last", "--output", str(report))
    assert code == 0
    assert record["run_id"] in report.read_text()
    code, out, _err = call(monkeypatch, capsys, "evidence", "verify", "--json")
    assert (code, json.loads(out)["entries"]) == (1, 2)  # no anchor is configured: the tail is not proven


def test_reference_is_up_to_date() -> None:
    assert (ROOT / CLI_PAGE).read_text() == cli_page(), "run python -m drillbook.cli.docs"
