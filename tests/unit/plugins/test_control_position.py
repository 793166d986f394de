"""Which of several data directories is the newest, by what pg_controldata says."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.modules import module_at

FILTER = Path(__file__).resolve().parents[3] / "plugins/filter/control_position.py"
control_position = module_at(FILTER)


def told(timeline: int, checkpoint: str, recovered: str = "0/0", recovered_timeline: int = 0) -> str:
    """Lines of pg_controldata 17, with some beside them."""
    return f"""\
pg_control version number:            1700
Database cluster state:               shut down
Latest checkpoint location:           {checkpoint}
Latest checkpoint's REDO location:    F/FFFFFFFF
Latest checkpoint's TimeLineID:       {timeline}
Latest checkpoint's PrevTimeLineID:   {timeline}
Minimum recovery ending location:     {recovered}
Min recovery ending loc's timeline:   {recovered_timeline}
Backup start location:                F/0
"""


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("", told(1, "0/28")),
        (told(1, "0/9000028"), told(1, "0/A000028")),
        (told(1, "0/FFFFFF28"), told(1, "1/28")),
        (told(9, "9/28"), told(10, "1/28")),
        (told(2, "0/A000028"), told(2, "0/9000028", "0/B000028", 2)),
        (told(1, "0/A000028"), told(1, "0/9000028", "0/A000000", 2)),
    ],
    ids=["none", "location", "above 32 bits", "timeline", "a standby's replay", "a standby's timeline"],
)
def test_newer_data_sorts_behind_older(older: str, newer: str) -> None:
    assert control_position.control_position(older) < control_position.control_position(newer)
