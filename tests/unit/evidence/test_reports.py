"""Reports say what the record says, escape what they are given, and need nothing from outside."""

import copy
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from drillbook.evidence import EvidenceLog, record_sha256, render_html, render_json, render_junit, render_text
from drillbook.evidence.records import tracks_of
from drillbook.evidence.reports import view
from drillbook.evidence.reports.timeline import make_timeline

HOSTILE = "<script>alert(1)</script>\"'&]]>\x1b[2J\x00"
VOID = {"meta", "br"}


class Page(HTMLParser):
    """Collects elements, checks nesting, and keeps every attribute that could load something."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.loads: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [
            f"{tag} {name}" for name, _ in attrs if name in {"src", "href", "srcset", "action"} or name[:2] == "on"
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def failed(record: dict[str, Any]) -> dict[str, Any]:
    """The same drill, gone wrong in every way at once."""
    changed = copy.deepcopy(record)
    changed["checks"][0].update(status="failed", message="PUT was allowed", remedy="Take the right away")
    changed["checks"][1].update(status="skipped", message="no network")
    changed["error"] = {
        "class": "InfrastructureError",
        "message": "The store is down",
        "where": "store1:7480",
        "remedy": "Start it",
    }
    changed["rto"]["met"] = False
    changed["rpo"].update(actual_seconds=None, met=None)
    changed.update(leftovers=["container x"], verdict="ERROR")
    return changed


def everything_hostile(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: everything_hostile(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [everything_hostile(inner) for inner in value]
    return HOSTILE if isinstance(value, str) or value is None else value


def test_page_is_whole_and_self_contained(record: dict[str, Any]) -> None:
    html = render_html(record)
    page = Page(html)
    assert page.loads == []
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert "url(#after)" in html
    assert len(re.findall(r"url\(", html)) == 1
    assert "://" not in html
    assert "default-src 'none'" in html


def test_page_shows_what_an_auditor_asks_for(record: dict[str, Any]) -> None:
    html = render_html(record)
    for expected in (
        "PASS",
        "58.412 s",
        "5 min",
        "13.204 s",
        "transfer",
        "24.61 s",
        "wal_is_continuous",
        "0 missing of 41",
        "20261121-055012F",
        "disaster_at - newest_heartbeat_at + clock_offset_seconds",
        "700.0 MiB",
        "The target was isolated",
        "drillbook-sandbox1",
        "openssl pkeyutl -verify",
        record_sha256(record),
        '<title id="timeline-title-1">',
        '<desc id="timeline-description-1">',
    ):
        assert expected in html, expected


def test_page_of_a_bad_run_says_what_to_do(record: dict[str, Any]) -> None:
    html = render_html(failed(record))
    for expected in (
        "ERROR",
        "The store is down",
        "Start it",
        "container x",
        "PUT was allowed",
        "Take the right away",
        "missed",
    ):
        assert expected in html, expected
    assert "Nothing was left behind" not in html


def test_page_names_its_entry(record: dict[str, Any], make_log: Any) -> None:
    log: EvidenceLog = make_log()
    log.append("opened", "run-1", {})
    entry = log.append("closed", "run-1", record)
    html = render_html(record, entry)
    assert "-in 000002-closed.json -sigfile 000002-closed.sig" in html
    assert entry.sha256 in html


def test_a_record_of_schema_1_is_shown_as_the_same_run_in_schema_2(
    record: dict[str, Any], record_2: dict[str, Any]
) -> None:
    assert tracks_of(record) == tracks_of(record_2)
    for render in (render_text, render_junit):
        shown = [render(one).replace(record_sha256(one), "") for one in (record, record_2)]
        assert shown[0] == shown[1]
    assert "20261121-055012F" in render_html(record_2)


def test_a_run_of_two_services_shows_both(record_2: dict[str, Any]) -> None:
    (track,) = record_2["tracks"]
    missed = {"objective_seconds": 10.0, "actual_seconds": 12.5, "met": False}
    record_2["tracks"].append({**track, "service": "cache", "kind": "redis", "rto": missed})
    record_2["checks"].append({**record_2["checks"][-1], "service": "cache", "name": "keys", "status": "failed"})
    html = render_html(record_2)
    for expected in ("Timeline of main", "Timeline of cache", "Data lost of cache", "main (postgresql), cache (redis)"):
        assert expected in html, expected
    assert html.count('id="after"') == 1
    text = render_text(record_2)
    assert "main, cache, run" in text
    assert text.index("main:") < text.index("cache:") < text.index("RTO        10 s")
    assert "failed  cache/prove/keys" in text
    suite = ET.fromstring(render_junit(record_2))[0]  # noqa: S314 - our own output
    failures = {(case.get("classname"), case.get("name")) for case in suite if case.find("failure") is not None}
    assert failures == {("drillbook.cache.objectives", "RTO"), ("drillbook.cache.prove", "keys")}


@pytest.mark.parametrize("isolated", [True, False, None])
def test_isolation_is_said_in_three_ways(record: dict[str, Any], isolated: bool | None) -> None:
    record["environment"]["isolated"] = isolated
    words = {True: "The target was isolated", False: "The target was not isolated", None: "was not probed"}
    html = render_html(record)
    assert [key for key, sentence in words.items() if sentence in html] == [isolated]


def test_a_hostile_record_is_escaped_everywhere(record: dict[str, Any]) -> None:
    hostile = everything_hostile(failed(record))
    html = render_html(hostile)
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "script" not in Page(html).tags
    assert "\x1b" not in render_text(hostile)
    assert ET.fromstring(render_junit(hostile)).find("testsuite/testcase") is not None  # noqa: S314 - our own output


@pytest.mark.parametrize("keep", [(), ("verdict", "drill"), ("phases",), ("checks", "error")])
def test_an_incomplete_record_is_still_drawn(record: dict[str, Any], keep: tuple[str, ...]) -> None:
    """A run that was killed early has little to say, and that has to be readable."""
    part = {key: value for key, value in record.items() if key in keep}
    Page(render_html(part))
    assert render_text(part)
    ET.fromstring(render_junit(part))  # noqa: S314 - our own output


def test_timeline_bars_are_where_the_intervals_are(record: dict[str, Any]) -> None:
    timeline = make_timeline(record)
    assert timeline is not None
    assert [row.name for row in timeline.rows if not row.counted] == ["prove", "teardown"]
    starts = [row.bars[0].x for row in timeline.rows]
    assert starts == sorted(starts)
    transfer, replay = timeline.rows[3].bars[0], timeline.rows[4].bars[0]
    assert transfer.width / replay.width == pytest.approx(24.61 / 9.3, rel=0.01)
    assert all(bar.x + bar.width <= timeline.plot_right + 0.01 for row in timeline.rows for bar in row.bars)
    assert timeline.objective is None, "300 s would squeeze 81 s into a corner"
    assert timeline.first_answer is not None


def test_timeline_takes_times_for_seconds(record: dict[str, Any]) -> None:
    record["phases"] = [
        {"name": "transfer", "seconds": 30.0, "intervals": [["2026-11-21T06:00:10Z", "2026-11-21T06:00:40Z"]]}
    ]
    timeline = make_timeline(record, record["declared_at"])
    assert timeline is not None
    assert timeline.rows[0].bars[0].tooltip == "transfer: 10 s to 40 s"


@pytest.mark.parametrize("total", [0.004, 0.7, 3.0, 9.0, 81.0, 500.0, 4000.0, 90_000.0, 1e7])
def test_timeline_has_a_few_ticks_at_any_scale(total: float) -> None:
    record: dict[str, Any] = {"phases": [{"name": "transfer", "seconds": total}], "rto": {"objective_seconds": total}}
    timeline = make_timeline(record)
    assert timeline is not None
    assert 3 <= len(timeline.ticks) <= 10
    assert timeline.objective is not None


def test_junit_counts(record: dict[str, Any]) -> None:
    good = ET.fromstring(render_junit(record))[0]  # noqa: S314 - our own output
    assert {key: good.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "20",
        "failures": "0",
        "errors": "0",
        "skipped": "0",
    }
    bad = ET.fromstring(render_junit(failed(record)))[0]  # noqa: S314 - our own output
    assert (bad.get("failures"), bad.get("errors"), bad.get("skipped")) == ("2", "1", "2")


@pytest.mark.parametrize(
    ("verdict", "tag"),
    [("PASS", None), ("FAIL", "failure"), ("UNPROVEN", "failure"), ("BLOCKED", "error"), ("?", "failure")],
)
def test_junit_run_follows_the_verdict(record: dict[str, Any], verdict: str, tag: str | None) -> None:
    suite = ET.fromstring(render_junit({**record, "verdict": verdict}))[0]  # noqa: S314 - our own output
    run = suite.find("testcase[@name='run']")
    assert run is not None
    assert [child.tag for child in run] == ([tag] if tag else [])
    assert [child.get("type") for child in run] == (["unproven"] if verdict == "UNPROVEN" else [None] * len(run))


SCHEMA: dict[str, tuple[set[str], set[str], tuple[str, ...]]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "disabled", "errors"}, ("testsuite",)),
    "testsuite": (
        {"name", "tests"},
        {"failures", "errors", "time", "disabled", "skipped", "timestamp", "hostname", "id", "package"},
        ("properties", "testcase", "system-out", "system-err"),
    ),
    "properties": (set(), set(), ("property",)),
    "property": ({"name", "value"}, set(), ()),
    "testcase": (
        {"name", "classname"},
        {"assertions", "time", "status"},
        ("skipped", "error", "failure", "system-out"),
    ),
    "skipped": (set(), {"message"}, ()),
    "error": (set(), {"type", "message"}, ()),
    "failure": (set(), {"type", "message"}, ()),
}
"""By element: attributes that must be there, that may be there, and children in their order, as junit-10.xsd of Jenkins' xUnit plug-in has it."""


def against_schema(element: ET.Element) -> list[str]:
    needed, allowed, children = SCHEMA[element.tag]
    wrong = [f"{element.tag} lacks {name}" for name in needed - set(element.keys())]
    wrong += [f"{element.tag} has {name}" for name in set(element.keys()) - needed - allowed]
    order = [children.index(child.tag) for child in element]
    return [
        *wrong,
        *(["order"] if order != sorted(order) else []),
        *(line for child in element for line in against_schema(child)),
    ]


RED = {"verdict": "ERROR", "error": {"message": "down", "remedy": "Start it"}, "checks": []}


@pytest.mark.parametrize(
    "changes", [{}, RED, {"declared_at": None}, {"verdict": "UNPROVEN"}], ids=["", "red", "early", "?"]
)
def test_junit_is_what_jenkins_takes(record_2: dict[str, Any], changes: dict[str, Any]) -> None:
    record_2.update(changes)
    suites = ET.fromstring(render_junit(record_2))  # noqa: S314 - our own output
    assert against_schema(suites) == []
    (suite,) = suites
    assert {name: suites.get(name) for name in ("tests", "failures", "errors")} == {
        name: suite.get(name) for name in ("tests", "failures", "errors")
    }
    assert re.match(r"\d{4}-", suite.get("timestamp", "")), "never the word none"
    told = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert (told["run_id"], told["record_sha256"]) == (record_2["run_id"], record_sha256(record_2))
    phases = {
        case.get("name"): case.get("time") for case in suite.iter("testcase") if "phases" in case.get("classname", "")
    }
    assert (
        phases["transfer"]
        == f"{next(one['seconds'] for one in record_2['tracks'][0]['phases'] if one['name'] == 'transfer'):.3f}"
    )


def test_text_is_a_table_and_names_what_failed(record: dict[str, Any]) -> None:
    text = render_text(failed(record))
    assert text.startswith("ERROR  postgresql_main_nightly: main")
    for expected in (
        "RTO        5 min   58.412 s  missed",
        "failed  gate/repository_reader_is_powerless",
        "where: store1:7480",
        "remedy: Start it",
    ):
        assert expected in text, expected
    assert "\x1b" not in text


def test_json_is_what_the_digest_is_of(record: dict[str, Any], tmp_path: Path) -> None:
    assert hashlib.sha256(render_json(record).encode()).hexdigest() == record_sha256(record)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "unknown"),
        (0, "0 s"),
        (0.004, "0.004 s"),
        (59.9, "59.9 s"),
        (60, "1 min"),
        (61.25, "1 min 01.2 s"),
        (300, "5 min"),
        (3599.99, "1 h 00 min 00 s"),
        (7509, "2 h 05 min 09 s"),
        (-3.5, "-3.5 s"),
    ],
)
def test_durations_in_words(seconds: float | None, words: str) -> None:
    assert view.duration(seconds) == words


def test_sizes_and_times_in_words() -> None:
    assert [view.size(value) for value in (None, 12, 2048, 3 * 2**40)] == ["unknown", "12 B", "2.0 KiB", "3.0 TiB"]
    assert view.shown_instant("2026-11-21T07:00:00.250000+01:00") == "2026-11-21 06:00:00.250 UTC"
    assert view.shown_instant("soon") == "soon"
