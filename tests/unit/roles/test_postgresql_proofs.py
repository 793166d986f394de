"""What the proofs make of a server's words, and which names the role refuses to write."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment

ROLE = Path(__file__).resolve().parents[3] / "roles/postgresql"
DAMAGE = "The backup carries damage"


def load(name: str) -> Any:
    return yaml.safe_load((ROLE / name).read_text(encoding="utf-8"))


def environment() -> NativeEnvironment:
    """Jinja with those of Ansible's filters and tests that are used here."""
    made = NativeEnvironment()
    made.filters["dict2items"] = lambda values: [{"key": key, "value": value} for key, value in values.items()]
    made.filters["unique"] = lambda values: list(dict.fromkeys(values))
    return made


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("pg_amcheck: error: query failed: ERROR:  canceling statement due to lock timeout", "pg_prepared_xacts"),
        ("ERROR:  canceling statement due to statement timeout", "cut short"),
        ("FATAL:  terminating connection due to administrator command", "ended the session"),
        ('ERROR:  could not access file "$libdir/ip4r": No such file or directory', "A library is missing"),
        ('ERROR:  query would be affected by row-level security policy for table "orders"', "hidden"),
        ('ERROR:  relation "orders" does not exist', "must name the schema"),
        ("ERROR:  could not write to file: No space left on device", "disk of the sandbox is full"),
        ('heap table "app.public.orders", block 2, offset 4: xmin 4 precedes', DAMAGE),
        ("", DAMAGE),
    ],
)
def test_only_what_has_no_other_cause_is_called_damage(said: str, remedy: str) -> None:
    variables = load("vars/main/prove.yml")
    template = environment().from_string(variables["__postgresql_prove_remedy"])
    causes = variables["__postgresql_prove_causes"]
    assert remedy in template.render(
        __postgresql_prove_causes=causes, __postgresql_prove_said=said, __postgresql_prove_damage=DAMAGE
    )


def checks(proof: str) -> list[dict[str, Any]]:
    """The tasks of a proof that record a check."""
    return [task for task in load(f"tasks/prove/{proof}.yml") if "drillbook.platform.drillbook_check" in task]


@pytest.mark.parametrize("proof", ["amcheck", "read", "fingerprints"])
def test_each_proof_looks_for_the_cause(proof: str) -> None:
    assert "__postgresql_prove_remedy" in checks(proof)[0]["drillbook.platform.drillbook_check"]["remedy"]


@pytest.mark.parametrize(
    ("answer", "same"),
    [
        ({"query_result": [{"coalesce": "[1]\n"}]}, True),
        ({"query_result": [{"coalesce": "[2]"}]}, False),
        ({"query_result": [{"coalesce": "[1]"}, {"coalesce": "[1]"}]}, False),
        ({"query_result": {}}, False),
        ({"msg": "Cannot execute SQL 'select 1' None: relation does not exist\n, query list: ['select 1']"}, False),
        ({"skipped": True}, False),
    ],
)
def test_a_fingerprint_is_the_same_when_the_one_answer_is(answer: dict[str, Any], same: bool) -> None:
    templates = checks("fingerprints")[0]["vars"]
    made = environment()
    rows = made.from_string(templates["__postgresql_prove_rows"]).render(__postgresql_prove_answer=answer)
    found = made.from_string(templates["__postgresql_prove_same"]).render(
        __postgresql_prove_rows=rows, __postgresql_prove_print={"result": "[1]"}
    )
    assert found is same


def test_the_servers_words_are_told_without_the_statement() -> None:
    template = checks("fingerprints")[0]["vars"]["__postgresql_prove_said"]
    said = (
        environment()
        .from_string(template)
        .render(
            __postgresql_prove_answer={
                "msg": "Cannot execute SQL 'select 'x'' None: relation \"y\" does not exist\nLINE 1"
            }
        )
    )
    assert said == 'relation "y" does not exist\nLINE 1'


@pytest.mark.parametrize(("late", "passed"), [(3600, True), (3601, False)])
def test_fingerprints_that_ended_long_before_the_heartbeats_are_found(late: int, passed: bool) -> None:
    check = checks("fingerprints")[1]
    made = environment()
    values = {
        **load("defaults/main.yml"),
        "__postgresql_prove_behind": {"query_result": [{"seconds": late}]},
    }
    found = made.from_string(check["vars"]["__postgresql_prove_late"]).render(values)
    template = check["drillbook.platform.drillbook_check"]["passed"]
    assert made.from_string(template).render(values, __postgresql_prove_late=found) is passed


@pytest.mark.parametrize("name", ["a,b", 'a"b', "100%", "a\nb"])
@pytest.mark.parametrize("place", ["database", "owner", "role"])
def test_names_that_a_module_would_read_otherwise_are_refused(name: str, place: str) -> None:
    assert odd_names(**{place: name}) == [name]


def test_other_names_are_taken() -> None:
    assert odd_names(database="shop=eu", owner="o'hara", role="a b-c.d") == []


def odd_names(database: str = "app", owner: str = "app", role: str = "app") -> list[str]:
    """What the role's preflight refuses."""
    (task,) = (task for task in load("tasks/preflight.yml") if task["name"] == "Check the names of databases and roles")
    made = environment()
    made.tests["search"] = lambda text, pattern: re.search(pattern, text) is not None
    return list(
        made.from_string(task["vars"]["__postgresql_odd_names"]).render(
            postgresql_databases=[{"name": database, "owner": owner}], postgresql_users=[{"name": role}]
        )
    )
