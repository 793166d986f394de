"""A fingerprint is believed when the agent signed it, and not otherwise."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from drillbook.kinds.postgresql.fingerprints import believe, public_key_of

ROOT = Path(__file__).resolve().parents[4]
SEED = "07" * 32
MOMENT = "2026-01-31T12:00:00.000000Z"
OTHER_SEED = "08" * 32
PUBLIC_KEY = public_key_of(SEED)


def row(name: str = "rows", seed: str = SEED, **changed: Any) -> dict[str, str]:
    """A row as the agent writes it."""
    document = json.dumps(
        {
            "schema": "drillbook.fingerprint/1",
            "name": name,
            "database": "app",
            "statement": "select 1",
            "result": "[1]",
            "lsn": "0/1",
            "moment": MOMENT,
            **changed,
        }
    )
    signature = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)).sign(document.encode())
    return {"name": name, "document": document, "signature": base64.b64encode(signature).decode()}


def problem(*rows: dict[str, str]) -> str:
    (found,) = believe(["rows"], rows, PUBLIC_KEY)
    return found.problem


def test_a_signed_row_is_believed() -> None:
    (found,) = believe(["rows"], [row()], PUBLIC_KEY)
    assert found.moment == MOMENT
    assert (found.problem, found.statement, found.result, found.database, found.lsn) == (
        "",
        "select 1",
        "[1]",
        "app",
        "0/1",
    )


@pytest.mark.parametrize(
    "forged",
    [
        row(seed=OTHER_SEED),
        {**row(), "document": row(result="[2]")["document"]},
        {**row(), "signature": "not base64!"},
        {**row(), "signature": ""},
    ],
)
def test_a_row_that_the_agent_did_not_sign_is_not(forged: dict[str, str]) -> None:
    assert "signature" in problem(forged)


def test_a_declared_query_without_a_row_is_told_with_since_when_there_is_one() -> None:
    assert "none was found" in problem()
    (found,) = believe(["rows"], [], PUBLIC_KEY)
    assert "fingerprint_interval_seconds" in found.remedy
    assert found.absent
    (forged,) = believe(["rows"], [row(seed=OTHER_SEED)], PUBLIC_KEY)
    assert not forged.absent


def test_one_that_was_never_taken_is_skipped_and_one_that_is_wrong_is_not() -> None:
    """Neither is proven; but a drill that is red for a query that nobody asked yet tells of a fault that is none."""
    tasks = yaml.safe_load((ROOT / "roles/postgresql/tasks/prove/fingerprints.yml").read_text(encoding="utf-8"))
    (check,) = [
        body
        for task in tasks
        if (body := task.get("drillbook.platform.drillbook_check", {})).get("name", "").startswith("fingerprint: ")
    ]
    assert check["skipped"] == "{{ __postgresql_prove_print.absent }}"
    assert "absent" not in check["passed"]


@pytest.mark.parametrize("text", ["[]", "[" * 5000, '{"schema": "\\ud800"}', "{}"])
def test_what_was_signed_and_is_none_is_told(text: str) -> None:
    signature = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(SEED)).sign(text.encode())
    assert problem({"name": "rows", "document": text, "signature": base64.b64encode(signature).decode()})


def test_half_a_character_in_a_row_is_no_defect() -> None:
    assert "signature" in problem({**row(), "document": "\ud800"})


def test_a_signed_row_of_another_query_does_not_stand_in() -> None:
    assert "'other'" in problem({**row("other"), "name": "rows"})


def test_another_schema_is_not_guessed_at() -> None:
    assert "drillbook.fingerprint/2" in problem(row(schema="drillbook.fingerprint/2"))


@pytest.mark.parametrize("text", ["", "12", "zz" * 32])
def test_a_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        believe(["rows"], [row()], text)
