"""The place of a tablespace is made by root, so no other user may have a say in where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment
from tests.support.role_assertion import ROLES, refusals

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("places", "above"),
    [
        ([], []),
        (["/cold"], []),
        (["/srv/tablespaces/cold", "/srv/fast"], ["/srv", "/srv/tablespaces"]),
    ],
    ids=["none", "at the root", "two"],
)
def test_every_directory_above_is_looked_at(places: list[str], above: list[str]) -> None:
    variables = yaml.safe_load((ROLES / "postgresql/vars/main/main.yml").read_text(encoding="utf-8"))
    environment = NativeEnvironment()
    environment.filters["split"] = str.split
    template = environment.from_string(variables["__postgresql_tablespaces_above"])
    assert list(template.render(postgresql_tablespace_directories=places)) == above


def test_a_place_below_another_user_s_directory_is_refused(tmp_path: Path) -> None:
    def host(uid: int, mode: str, *, exists: bool = True) -> dict[str, object]:
        there = {"exists": True, "path": "/srv/data", "uid": uid, "mode": mode}
        root = {"exists": True, "path": "/srv", "uid": 0, "mode": "0755"}
        return {
            "__postgresql_tablespace_parents": {
                "results": [{"stat": root}, {"stat": there if exists else {"exists": False}}]
            }
        }

    said = refusals(
        tmp_path,
        "postgresql/tasks/tablespaces.yml",
        "Refuse a place below a directory of another user",
        {
            "root": host(0, "0755"),
            "private": host(0, "0700"),
            "setgid": host(0, "2755"),
            "new": host(0, "", exists=False),
            "postgres": host(101, "0700"),
            "group": host(0, "0775"),
            "everybody": host(0, "1777"),
        },
    )
    assert sorted(name for name, why in said.items() if why) == ["everybody", "group", "postgres"]
    assert "/srv/data on postgres is not root's" in said["postgres"]
