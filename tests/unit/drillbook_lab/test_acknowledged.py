"""The list of acknowledged commits outlives an interrupted write, and its gaps are measured between neighbours."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drillbook_lab.traffic import AcknowledgedCommits, longest_outage
from drillbook_lab.traffic.acknowledged import Acknowledgement


def test_what_was_appended_is_read_back(tmp_path: Path) -> None:
    commits = AcknowledgedCommits(tmp_path / "deeper" / "acknowledged.tsv")
    commits.append(7, 1.5)
    commits.append(9, 2.25)
    commits.close()
    assert [(entry.number, entry.monotonic_seconds) for entry in commits.read()] == [(7, 1.5), (9, 2.25)]


def test_a_half_written_last_line_is_no_acknowledgement(tmp_path: Path) -> None:
    path = tmp_path / "acknowledged.tsv"
    commits = AcknowledgedCommits(path)
    commits.append(7, 1.5)
    commits.close()
    with path.open("a", encoding="utf-8") as file:
        file.write("8\t2.0\t2026-01-01T00:00:0")
    assert [entry.number for entry in AcknowledgedCommits(path).read()] == [7]


def test_a_missing_file_is_an_empty_list(tmp_path: Path) -> None:
    assert AcknowledgedCommits(tmp_path / "none.tsv").read() == []


def test_numbers_go_on_above_everything_that_may_have_been_tried(tmp_path: Path) -> None:
    commits = AcknowledgedCommits(tmp_path / "acknowledged.tsv")
    commits.append(41, 1.0)
    commits.close()
    assert commits.next_number() > 41 + 100


def test_the_outage_is_the_longest_gap() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    heard = [
        Acknowledgement(number, at, moment + timedelta(seconds=at)) for number, at in enumerate((0.0, 0.1, 5.1, 5.2))
    ]
    outage = longest_outage(heard)
    assert outage.length == timedelta(seconds=5)
    assert outage.began_at == moment + timedelta(seconds=0.1)


def test_one_acknowledgement_has_no_outage() -> None:
    assert longest_outage([Acknowledgement(1, 1.0, datetime(2026, 1, 1, tzinfo=UTC))]).length == timedelta()


def test_a_second_list_begins_above_what_the_first_one_tried(tmp_path: Path) -> None:
    """Else its writer would climb through the first one's rows, and every collision look like an outage."""
    first = AcknowledgedCommits(tmp_path / "first.tsv")
    tried = first.next_number() + 50
    time.sleep(0.1)
    assert AcknowledgedCommits(tmp_path / "second.tsv").next_number() > tried


def test_writes_that_never_came_back_are_an_outage() -> None:
    heard = [Acknowledgement(number, float(number), datetime(2026, 1, 1, tzinfo=UTC)) for number in (1, 2)]
    assert longest_outage(heard).length == timedelta(seconds=1)
    assert longest_outage(heard, ended_at=32.0).length == timedelta(seconds=30)
