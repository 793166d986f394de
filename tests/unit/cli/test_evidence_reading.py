"""Verbs that only read: no private key, no file made, and a word on whether the key vouches for what they show."""

import json
import os
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.test_cli import call
from tests.unit.world import inventory_json

from drillbook import process
from drillbook.clock import SystemClock
from drillbook.config import Inventory
from drillbook.evidence import LogOnDemand, Signer
from drillbook.journal.ledger import Ledger, ResourceKind, machine_resource, process_resource
from drillbook.model import Claim

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An inventory whose object store nobody answers for; it is not read by Ansible, which takes a second each time."""
    data = inventory_json(tmp_path)
    data["all"]["vars"]["drillbook_object_store"]["endpoint"] = "https://127.0.0.1:9"
    (tmp_path / "hosts.yml").write_text("{}")
    (tmp_path / "credentials").mkdir()
    for user in ("auditor", "repository_reader", "evidence_writer"):
        (tmp_path / f"credentials/{user}.json").write_text('{"access_key": "a", "secret_key": "s"}')
        (tmp_path / f"credentials/{user}.json").chmod(0o600)
    monkeypatch.setattr("drillbook.app.read_inventory", lambda *_sources, **_root: Inventory.parse(data))
    monkeypatch.setenv("DRILLBOOK_INVENTORY", str(tmp_path / "hosts.yml"))
    return tmp_path


@pytest.fixture
def run(inventory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """The command line over a log with one run, which ended at the gate: nobody answers for its store."""

    def calling(*arguments: str) -> tuple[int, str, str]:
        return call(monkeypatch, capsys, *arguments)

    code, out, _err = calling("drill", "run", "main-latest", "--json")
    assert (code, json.loads(out)["verdict"]) == (3, "ERROR")
    return calling


READING = [
    ("status",),
    ("evidence", "list"),
    ("evidence", "show", "last"),
    ("evidence", "report", "last"),
    ("evidence", "report", "last", "--format", "text"),
]


def everything(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("arguments", READING)
def test_an_auditor_has_the_public_key_and_nothing_else(run: Call, inventory: Path, arguments: tuple[str, ...]) -> None:
    key = inventory / "key.pem"
    (inventory / "public.pem").write_bytes(Signer.load(key).public_key_pem())
    key.unlink()
    before = everything(inventory)
    code, out, err = run(*arguments, "--public-key", str(inventory / "public.pem"))
    assert (code, "NOT VERIFIED" in out + err) == (0, False)
    assert "verified" in (out if arguments == ("status",) else err)
    assert everything(inventory) == before, "a verb that reads makes no key and no directory"


@pytest.mark.parametrize("arguments", READING)
@pytest.mark.parametrize("mode", ["lost", "of another user"])
def test_without_any_key_it_is_said_that_nothing_vouches(
    run: Call,
    inventory: Path,
    arguments: tuple[str, ...],
    mode: str,
) -> None:
    key = inventory / "key.pem"
    if mode == "lost":
        key.unlink()
    else:
        key.chmod(0o644)  # as root nobody is refused: what is open to others is refused to all
    before = everything(inventory)
    code, out, err = run(*arguments)
    assert (code, "NOT VERIFIED: no key vouches for it" in out + err) == (0, True)
    assert "--public-key" in out + err
    assert everything(inventory) == before


def forge(directory: Path) -> None:
    path = directory / "evidence/000002-closed.json"
    path.write_bytes(path.read_bytes().replace(b'"verdict": "ERROR"', b'"verdict": "PASS"'))


@pytest.mark.parametrize("arguments", READING)
def test_what_was_forged_is_marked(run: Call, inventory: Path, arguments: tuple[str, ...]) -> None:
    forge(inventory)
    code, out, err = run(*arguments)
    assert (code, "NOT VERIFIED: the newest entry" in out + err) == (3, True)
    if arguments[:2] == ("evidence", "report"):
        assert "not verified" in out.lower(), "a file is read without what was said beside it"


@pytest.mark.parametrize("form", ["junit", "json"])
def test_what_only_a_machine_reads_is_not_written_from_a_forgery(run: Call, inventory: Path, form: str) -> None:
    code, out, _err = run("evidence", "report", "last", "--format", form)
    assert code == 0
    assert (ET.fromstring(out) if form == "junit" else json.loads(out)) is not None  # noqa: S314 - our own
    forge(inventory)
    code, out, err = run("evidence", "report", "last", "--format", form)
    assert (code, out) == (3, "")
    assert f"no {form} of a record that is not verified" in err


def test_in_json_each_entry_says_whether_it_is_verified(run: Call, inventory: Path) -> None:
    _code, out, _err = run("evidence", "list", "--json")
    assert [entry["verified"] for entry in json.loads(out)] == [True, True]
    forge(inventory)
    code, out, _err = run("evidence", "list", "--json")
    assert (code, [entry["verified"] for entry in json.loads(out)]) == (3, [False, False])
    code, out, _err = run("status", "--json")
    assert (code, json.loads(out)["evidence"]["verified"]) == (3, False)


def test_a_plan_is_not_made_from_a_forged_log(run: Call, inventory: Path) -> None:
    forge(inventory)
    code, _out, err = run("drill", "plan", "main-latest")
    assert (code, "not signed by the key" in err) == (3, True)


def test_cleaning_makes_no_key_where_nothing_was_ever_opened(
    inventory: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = everything(inventory)
    for verb in (("drill", "clean", "--check"), ("drill", "clean"), ("evidence", "anchor"), ("status",)):
        assert call(monkeypatch, capsys, *verb)[0] == 0
    assert everything(inventory) == before


@pytest.mark.parametrize("spoil", ["forged", "lost key", "entry removed"])
def test_in_place_a_broken_log_is_passed_over_and_told(run: Call, inventory: Path, spoil: str) -> None:
    """What ends this restore is its dead store."""
    if spoil == "forged":
        forge(inventory)
    elif spoil == "lost key":
        (inventory / "key.pem").unlink()
    else:
        (inventory / "evidence/000001-opened.json").unlink()
    in_place = ("restore", "main", "--in-place", "--confirm", "postgresql_main")
    code, out, err = run(*in_place, "--json")
    said: dict[str, Any] = json.loads(out)
    assert (code, said["error"]["class"]) == (3, "InfrastructureError")
    assert "can't be reached" in said["error"]["message"]
    assert "not in the evidence log" in said["evidence"]["trouble"]
    assert "FAILED  not in the evidence log" in err
    code, out, _err = run(*in_place)
    assert "NO EVIDENCE YET: not in the evidence log" in out
    _code, out, _err = run("status", "--json")
    assert len(json.loads(out)["evidence"]["beside"]) == 2
    assert not (inventory / "key.pem").exists() or spoil != "lost key"


def test_the_head_is_in_the_runs_output(run: Call) -> None:
    """docs/how-to/verify-evidence.md tells to note it after each run."""
    _code, out, _err = run("drill", "run", "main-latest", "--json")
    said = json.loads(out)["evidence"]
    assert said["entry"] == "000004-closed"
    code, out, _err = run("evidence", "verify", "--json", "--expect-head", said["head"])
    assert (code, json.loads(out)["head"]) == (0, said["head"])
    _code, out, _err = run("drill", "run", "main-latest")
    (line,) = [line for line in out.splitlines() if line.startswith("head ")]
    _code, out, _err = run("evidence", "verify", "--json")
    assert line == f"head {json.loads(out)['head']} (000006-closed)"


def test_the_report_beside_the_run_is_the_one_that_the_verb_draws(run: Call, inventory: Path) -> None:
    (written,) = (inventory / "runs").glob("*/report.html")
    _code, out, _err = run("evidence", "report", "last")
    assert written.read_text(encoding="utf-8") == out
    (written,) = (inventory / "runs").glob("*/junit.xml")
    assert run("evidence", "report", "last", "--format", "junit")[1] == written.read_text(encoding="utf-8")


@pytest.mark.parametrize("running", [True, False])
def test_what_a_running_drill_uses_is_not_left_behind(run: Call, inventory: Path, running: bool) -> None:
    me = process.ProcessIdentity.of(os.getpid())
    owner = me if running else process.ProcessIdentity(me.pid, me.start_ticks - 1, me.boot_id)
    (inventory / "runs/run-1").mkdir()
    ledger = Ledger(inventory / "runs/run-1", SystemClock())
    ledger.intend(process_resource(ResourceKind.OWNER, owner, targets=["sandbox1"]))
    ledger.intend(machine_resource(Claim("lab", "sandbox1", "sandbox1", "run-1")))
    _code, out, _err = run("status")
    assert (f"{'in use' if running else 'left behind'}: run-1: machine lab: sandbox1" in out) is True
    assert ("left behind" in out) is not running
    _code, out, _err = run("status", "--json")
    said = json.loads(out)
    assert (len(said["in_use"]), len(said["leftovers"])) == ((1, 0) if running else (0, 1))
    code, _out, err = run("preflight")
    assert code == (3 if running else 4), err  # nobody answers for the store
    assert ("drill clean" in err) is not running


def test_open_runs_are_told_apart(run: Call, inventory: Path) -> None:
    clock = SystemClock()
    log = LogOnDemand(inventory / "evidence", inventory / "key.pem", clock.now, lambda: None)
    for run_id in ("run-1", "run-2"):
        log.append("opened", run_id, {})
    (inventory / "runs/run-1").mkdir()
    me = process.ProcessIdentity.of(os.getpid())
    Ledger(inventory / "runs/run-1", clock).intend(process_resource(ResourceKind.OWNER, me, targets=["sandbox1"]))
    _code, out, _err = run("status")
    assert "open: run-1 (running)" in out
    assert "open: run-2 (killed: run `drillbook drill clean`)" in out
