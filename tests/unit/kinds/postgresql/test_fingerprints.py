"""A fingerprint is believed when the agent signed it, and not otherwise."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from drillbook.kinds.postgresql.fingerprints import believe, public_key_of

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


def test_a_signed_row_of_another_query_does_not_stand_in() -> None:
    assert "'other'" in problem({**row("other"), "name": "rows"})


def test_another_schema_is_not_guessed_at() -> None:
    assert "drillbook.fingerprint/2" in problem(row(schema="drillbook.fingerprint/2"))


@pytest.mark.parametrize("text", ["", "12", "zz" * 32])
def test_a_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        believe(["rows"], [row()], text)
