"""A record that somebody damaged, or that another version wrote, is drawn all the same; nobody who reads it ends in a traceback."""

from __future__ import annotations

import copy
import random
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree as ET

from tests.support.hostile import COUNT, ODD, deep
from tests.unit.evidence.conftest import START

from drillbook.evidence import render_html, render_junit, render_text
from drillbook.model import Drill
from drillbook.run.plan import predict
from drillbook.run.status import drill_status
from drillbook.sanitize import sanitized_json

NAME = "postgresql_main_nightly"
DRILL = cast("Drill", SimpleNamespace(name=NAME, service=SimpleNamespace(name="main")))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document, each as the keys and indexes that lead there."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([path] if path else []), *(place for key, one in inner for place in places(one, (*path, key)))]


def spoiled(record: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The record with one to five of its places exchanged for something odd, or gone."""
    made = copy.deepcopy(record)
    for _ in range(chance.randrange(1, 6)):
        *before, last = chance.choice(places(made))
        holder = made
        for key in before:
            holder = holder[key]
        if chance.random() < 0.2:
            del holder[last]
        else:
            holder[last] = sanitized_json(chance.choice((*ODD, deep(chance.randrange(100)))))
    return made


def test_a_thousand_damaged_records_are_drawn_and_judged_by(record_2: dict[str, Any]) -> None:
    """As they come out of the log: JSON, which has no infinity, and no half of a character."""
    chance = random.Random(9)  # noqa: S311 - the same each time, and no secret
    for number in range(COUNT):
        record = spoiled(record_2, chance)
        assert render_text(record)
        ET.fromstring(render_junit(record))  # noqa: S314 - our own output
        if number % 25 == 0:
            assert "<html" in render_html(record)
        predict([record], NAME, "main").as_json()
        (found,) = drill_status([DRILL], [record], START + timedelta(hours=1))
        assert found.as_json()["name"] == NAME
