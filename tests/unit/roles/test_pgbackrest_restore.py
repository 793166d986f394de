"""The command that restores a backup set: what each mode adds to it, and what a simulated disaster hides."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment

ROLE = Path(__file__).resolve().parents[3] / "roles/pgbackrest"
LAST = "000000020000000000000007"
POINT = {"label": "20260101-000000F", "until": None, "last_segment": LAST}
OPTIONS = ["--type=immediate", "--target-timeline=2"]
TO_THE_SET = ["pgbackrest", "--stanza=books", "--pg1-path=/data", "--log-level-console=warn", "--set=20260101-000000F"]
PAST = "2026-01-01 00:00:00+00"


def load(name: str) -> Any:
    return yaml.safe_load((ROLE / name).read_text(encoding="utf-8"))


def command(**variables: object) -> list[str]:
    """The arguments, as Ansible renders them."""
    templates = load("tasks/restore.yml")[0]["vars"]
    values: dict[str, object] = {
        **load("defaults/main.yml"),
        "pgbackrest_stanza": "books",
        "pgbackrest_data_directory": "/data",
        "pgbackrest_restore_point": POINT,
        "pgbackrest_restore_options": OPTIONS,
        **variables,
    }
    environment = NativeEnvironment()
    for name, template in {
        "__pgbackrest_past": load("vars/main.yml")["__pgbackrest_past"],
        "__pgbackrest_restore_blind": templates["__pgbackrest_restore_blind"],
    }.items():
        values[name] = environment.from_string(template).render(values)
    argv: list[str] = environment.from_string(templates["__pgbackrest_restore_argv"]).render(values)
    return argv


@pytest.mark.parametrize(
    ("variables", "added"),
    [
        ({}, ["--archive-mode=off"]),
        (
            {"pgbackrest_repository_target_time": PAST},
            ["--repo=1", f"--repo-target-time={PAST}", "--archive-mode=off"],
        ),
        ({"pgbackrest_restore_tablespaces": "/ts"}, ["--tablespace-map-all=/ts", "--archive-mode=off"]),
        ({"pgbackrest_restore_overwrite": True, "pgbackrest_restore_archiving": True}, ["--delta", "--force"]),
    ],
    ids=["sandbox", "past", "tablespaces", "in place"],
)
def test_a_mode_adds_its_options_to_the_set_and_the_plan(variables: dict[str, Any], added: list[str]) -> None:
    assert command(**variables) == [*TO_THE_SET, *added, *OPTIONS, "restore"]


@pytest.mark.parametrize(
    ("segment", "there"),
    [
        (LAST, True),
        ("000000010000000000000009", True),
        ("000000020000000000000008", False),
        ("000000030000000000000001", False),
        ("00000003.history", True),
    ],
)
@pytest.mark.parametrize("fetch", ["", "fetch %f"], ids=["its own", "the service's"])
def test_a_simulated_disaster_hides_what_was_archived_after_it(
    segment: str, there: bool, fetch: str, tmp_path: Path
) -> None:
    (option,) = [
        part
        for part in command(
            pgbackrest_restore_point={**POINT, "until": "2026-01-01T00:00:00Z"},
            pgbackrest_restore_fetch_command=fetch,
        )
        if part.startswith("--recovery-option=restore_command=")
    ]
    program = tmp_path / (fetch.split(maxsplit=1)[0] if fetch else "pgbackrest")
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n')
    program.chmod(0o755)
    said = option.removeprefix("--recovery-option=restore_command=").replace("%f", segment).replace("%p", "pg_wal/x")
    done = subprocess.run(["/bin/sh", "-c", said], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False, timeout=10)
    assert (done.returncode == 0) is there
    asked = tmp_path / "asked"
    wanted = segment if fetch else f"--stanza=books archive-get {segment} pg_wal/x"
    assert (asked.read_text().strip() if asked.exists() else None) == (wanted if there else None)
