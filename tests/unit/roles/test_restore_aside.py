"""What is set aside in place is kept once: data that was in use since is refused, not removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml
from tests.support.role_assertion import ROLES, refusals

if TYPE_CHECKING:
    from pathlib import Path

ASIDE, DATA = "/srv/main.before-restore", "/srv/main"


def test_data_in_use_beside_data_from_before_is_refused(tmp_path: Path) -> None:
    def host(*, data: bool, aside: bool, given_up: bool) -> dict[str, object]:
        return {
            "__postgresql_aside_there": {"data": data, "aside": aside},
            "__postgresql_aside_given_up": given_up,
            "__postgresql_aside_directory": ASIDE,
            "__postgresql_data_directory": DATA,
        }

    said = refusals(
        tmp_path,
        "postgresql/tasks/restore/aside.yml",
        "Refuse a second copy from before",
        {
            "first": host(data=True, aside=False, given_up=False),
            "made_anew": host(data=False, aside=False, given_up=False),
            "again": host(data=True, aside=True, given_up=True),
            "broken_off": host(data=False, aside=True, given_up=False),
            "in_use": host(data=True, aside=True, given_up=False),
        },
    )
    assert [name for name, why in said.items() if why] == ["in_use"]
    assert f"{ASIDE} on in_use is what an earlier restore set aside, and {DATA} has been in use since" in said["in_use"]


def test_data_that_is_put_back_is_no_restore_s_any_more_before_it_lies_there() -> None:
    """A run that is cut off between would have the next restore remove it."""
    tasks = [task["name"] for task in yaml.safe_load((ROLES / "postgresql/tasks/restore/back.yml").read_text("utf-8"))]
    assert tasks.index("Note that the data directory is no restore's") == 0
