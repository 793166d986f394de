"""The policy that the buckets get: exactly the granted actions, everything else denied by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.modules import module_at

MODULE = Path(__file__).resolve().parents[3] / "plugins/modules/object_store_buckets.py"
buckets = module_at(MODULE)


def statements(grants: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The policy's statements by name."""
    made = buckets.policy("evidence", grants, "arn:aws:iam:::user/")
    return {statement["Sid"]: statement for statement in made["Statement"]}


def test_what_is_not_granted_is_denied() -> None:
    made = statements([{"user": "evidence_writer", "actions": ["s3:PutObject"]}])
    assert made["AllowEvidenceWriter"]["Action"] == ["s3:PutObject"]
    assert set(made["DenyEvidenceWriter"]["Action"]) == buckets.ACTIONS - {"s3:PutObject"}
    assert made["DenyEvidenceWriter"]["Principal"] == {"AWS": ["arn:aws:iam:::user/evidence_writer"]}


def test_no_grant_is_no_allow() -> None:
    made = statements([{"user": "restore_operator", "actions": []}])
    assert list(made) == ["DenyRestoreOperator"]
    assert set(made["DenyRestoreOperator"]["Action"]) == buckets.ACTIONS


def test_evidence_is_never_removed_by_the_lifecycle() -> None:
    assert [rule["ID"] for rule in buckets.lifecycle(0, 2)] == ["abort-unfinished-uploads"]


def test_both_spellings_of_a_rule_are_the_same() -> None:
    wanted = buckets.lifecycle(38, 2)
    answered = [{**rule, "Prefix": ""} for rule in wanted]
    for rule in answered:
        del rule["Filter"]
    assert buckets._by_id(answered) == buckets._by_id(wanted)
    assert buckets._by_id(buckets.lifecycle(37, 2)) != buckets._by_id(wanted)
