"""The command line: exit codes, JSON on demand, errors as one sentence."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import stamina

from drillbook.cli import main
from drillbook.cli.docs import CLI_PAGE, cli_page
from drillbook.cli.endings import ended
from drillbook.version import told_version

ROOT = Path(__file__).resolve().parents[3]


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
        (("evidence", "verify", "--public-key", "/nope"), 2),
        (("evidence", "verify", "--expect-head", "abc"), 2),
        (("evidence", "verify", "--expect-head", "A" * 64), 2),
        (("drill", "plan", "main-latest", "--disaster-at", "2999-01-01T00:00:00Z"), 2),
        (("drill", "run", "main-latest", "--disaster-at", "2999-01-01T00:00:00Z"), 2),
        (("drill", "plan", "main-latest", "--disaster-at", "0001-01-01T00:00:00+14:00"), 2),
        (("restore", "main", "--in-place", "--confirm", "postgresql_main", "--disaster-at", "2999-01-01T00:00:00Z"), 2),
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
    assert all(entry["written_at"].endswith("Z") for entry in json.loads(listed))
    report = inventory / "last.html"
    code, _out, err = call(monkeypatch, capsys, "evidence", "report", "last", "--output", str(report))
    assert (code, str(report) in err) == (0, True)
    assert record["run_id"] in report.read_text()
    for nowhere in (inventory, inventory / "reports/last.html", Path("/proc/x.html")):
        code, _out, err = call(monkeypatch, capsys, "evidence", "report", "last", "--output", str(nowhere))
        assert (code, "can't be written" in err) == (2, True)
    assert not (inventory / "reports").exists(), "a typo makes no directories"
    code, out, _err = call(monkeypatch, capsys, "evidence", "verify", "--json")
    assert (code, json.loads(out)["entries"]) == (1, 2)  # no anchor is configured: the tail is not proven


def test_reference_is_up_to_date() -> None:
    assert (ROOT / CLI_PAGE).read_text() == cli_page(), "run python -m drillbook.cli.docs"


@pytest.mark.parametrize(
    "arguments", [("drill", "plan"), ("nonsense",), ("status", "--nope"), ("drill", "run", "x", "--timeline", "0")]
)
def test_a_usage_error_is_one_document_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    code, out, err = call(monkeypatch, capsys, *arguments, "--json")
    assert (code, json.loads(out)["error"]["class"]) == (2, "UsageError")
    assert "Usage: drillbook" in err


@pytest.mark.usefixtures("inventory")
@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_defect_is_one_sentence_and_its_traceback_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, as_json: tuple[str, ...]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("drillbook.cli.status.drill_status", lambda *_given: {}["\x1b[2J\ud800"])
    code, out, err = call(monkeypatch, capsys, "status", *as_json)
    assert code == 3, "1 would say that an objective was missed"
    assert ("Traceback" in err, "\x1b" in err) == (False, False)
    (kept,) = tmp_path.glob("drillbook-*.traceback")
    assert "Traceback" in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0
    assert str(kept) in err.replace("\n", "")
    if as_json:
        assert json.loads(out)["error"]["where"] == "drillbook itself"


@pytest.mark.usefixtures("inventory")
def test_an_interrupt_is_no_missed_objective(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("drillbook.cli.status.drill_status", interrupted)
    code, _out, err = call(monkeypatch, capsys, "status")
    assert (code, err) == (130, "drillbook: interrupted\n")

    def at_once() -> None:
        raise KeyboardInterrupt

    assert ended(at_once) == 130


@pytest.mark.usefixtures("inventory")
def test_a_state_directory_that_is_a_file_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], inventory: Path
) -> None:
    (inventory / "locks").write_text("a file")
    code, _out, err = call(monkeypatch, capsys, "drill", "run", "main-latest")
    assert (code, "the state directory can't be used" in err) == (2, True)


def test_an_inventory_can_be_named_before_the_verb(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], inventory: Path
) -> None:
    monkeypatch.delenv("DRILLBOOK_INVENTORY")
    named = ("-i", str(inventory / "hosts.yml"))
    code, out, _err = call(monkeypatch, capsys, *named, "drill", "list", "--json")
    assert (code, [drill["name"] for drill in json.loads(out)]) == (0, ["main-latest"])
    assert call(monkeypatch, capsys, "-i", "/nowhere", "drill", "list", *named)[0] == 0, "that of the verb is nearer"
    monkeypatch.setenv("DRILLBOOK_LAB", "nolabofthisname")
    assert call(monkeypatch, capsys, "drill", "list")[0] == 2, "it is forgotten after the call"


@pytest.mark.usefixtures("inventory")
def test_objectives_are_listed_without_python(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _code, out, _err = call(monkeypatch, capsys, "drill", "list")
    assert out.splitlines()[1].split()[4:6] == ["300", "60"]


@pytest.mark.usefixtures("inventory")
def test_quiet_shows_no_progress(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, _out, err = call(monkeypatch, capsys, "drill", "run", "main-latest", "-q")
    assert (code, "closed" in err) == (3, False)


def test_what_is_tried_again_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    tries = iter((True, True, False))

    @stamina.retry(on=OSError, attempts=3, wait_initial=0.001, wait_jitter=0)
    def ask() -> int:
        if next(tries):
            raise OSError("no route to host")
        return 0

    stamina.set_testing(False)
    assert ended(ask) == 0
    err = capsys.readouterr().err
    assert "stamina" not in err
    assert "no good answer (OSError('no route to host')): trying again, number 2" in err
