"""A wait that names seconds ends after those seconds, not after as many tries, each of which may take several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.hygiene.conftest import tasks_of


def counted(tasks: Any) -> list[str]:
    """Waits that take a timeout for a number of tries, and look at no clock."""
    return [
        str(task.get("name"))
        for task in tasks_of(tasks)
        if "_seconds" in str(task.get("retries"))
        and "timeout" in str(task.get("retries"))
        and "ends_at" not in str(task["until"])
    ]


def test_a_wait_looks_at_the_clock(role: Path) -> None:
    found = {
        str(path.relative_to(role)): names
        for path in sorted((role / "tasks").glob("**/*.yml"))
        if (names := counted(yaml.safe_load(path.read_text(encoding="utf-8"))))
    }
    assert not found


@pytest.mark.parametrize(
    ("until", "found"), [("x.status == 200", ["wait"]), ("x.status == 200 or now() > __x_wait_ends_at", [])]
)
def test_a_wait_that_counts_is_found(until: str, found: list[str]) -> None:
    task = {"name": "wait", "until": until, "retries": "{{ x_start_timeout_seconds }}"}
    assert counted([{"block": [task]}]) == found
