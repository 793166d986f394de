"""A record that somebody damaged, or that another version wrote, is drawn all the same; nobody who reads it ends in a traceback."""

from __future__ import annotations

import random
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree as ET

from tests.support.hostile import COUNT, spoiled
from tests.unit.evidence.conftest import START

from drillbook.evidence import render_html, render_junit, render_text
from drillbook.model import Drill
from drillbook.run.plan import predict
from drillbook.run.status import drill_status
from drillbook.sanitize import sanitized_json

NAME = "postgresql_main_nightly"
DRILL = cast("Drill", SimpleNamespace(name=NAME, service=SimpleNamespace(name="main")))


def test_a_thousand_damaged_records_are_drawn_and_judged_by(record_2: dict[str, Any]) -> None:
    """As they come out of the log: JSON, which has no infinity, and no half of a character."""
    chance = random.Random(9)  # noqa: S311 - the same each time, and no secret
    for number in range(COUNT):
        record = sanitized_json(spoiled(record_2, chance))
        assert render_text(record)
        ET.fromstring(render_junit(record))  # noqa: S314 - our own output
        if number % 25 == 0:
            assert "<html" in render_html(record)
        predict([record], NAME, "main").as_json()
        (found,) = drill_status([DRILL], [record], START + timedelta(hours=1))
        assert found.as_json()["name"] == NAME
