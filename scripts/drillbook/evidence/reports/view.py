"""What a report shows of a record, in words: shared by the HTML, text and JUnit forms."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from drillbook.evidence.entries import JSON, canonical_json
from drillbook.evidence.records import tracks_of

UNKNOWN = "unknown"
_BEYOND = 1e18
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$")

VERDICT_SENTENCES = {
    "PASS": "Every objective was met and every check passed.",
    "FAIL": "An objective or a check was missed.",
    "UNPROVEN": "Nothing failed, but a check was skipped, so nothing is proven.",
    "ERROR": "The drill could not be carried out to its end.",
    "BLOCKED": "A service that this one needs failed first.",
}


@dataclass(frozen=True, slots=True)
class ObjectiveView:
    """One objective against what was measured. ``share`` is actual / objective, None where either is unknown."""

    service: str
    name: str
    title: str
    objective: str
    actual: str
    outcome: str
    share: float | None


@dataclass(frozen=True, slots=True)
class CheckView:
    """One check as it is printed; ``service`` is "" for a check of the run itself."""

    service: str
    name: str
    stage: str
    status: str
    expected: str
    actual: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class PredictionView:
    """One figure of the plan beside what happened."""

    name: str
    predicted: str
    actual: str


def render_json(record: Mapping[str, JSON]) -> str:
    """The record as canonical JSON: exactly the text whose digest ``record_sha256`` gives."""
    return canonical_json(record).decode("utf-8")


def record_sha256(record: Mapping[str, JSON]) -> str:
    """Hex SHA-256 of the record as canonical JSON."""
    return hashlib.sha256(canonical_json(record)).hexdigest()


def mapping(value: JSON) -> Mapping[str, JSON]:
    """A part of the record, empty where it is missing."""
    return value if isinstance(value, Mapping) else {}


def items(value: JSON) -> list[JSON]:
    """A list of the record, empty where it is missing."""
    return list(value) if isinstance(value, (list, tuple)) else []


def number(value: JSON) -> float | None:
    """A figure of the record, None where it is missing, or beyond all that is measured."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return float(value) if -_BEYOND < value < _BEYOND else None


def text(value: JSON) -> str:
    """Any value in words; structures as compact ``key: value`` lists."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {text(inner)}" for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(text(inner) for inner in value)
    return str(value)


def duration(value: JSON) -> str:
    """Seconds as people read them: ``4.217 s``, ``3 min 20.5 s``, ``2 h 05 min 09 s``."""
    seconds = number(value)
    if seconds is None:
        return UNKNOWN
    sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
    if round(seconds, 3) < 60:
        return f"{sign}{seconds:.3f}".rstrip("0").rstrip(".") + " s"
    tenths = round(seconds * 10)
    if tenths < 36_000:
        return f"{sign}{tenths // 600} min {tenths % 600 / 10:04.1f} s".replace(".0 s", " s").removesuffix(" 00 s")
    whole = round(seconds)
    return f"{sign}{whole // 3600} h {whole % 3600 // 60:02d} min {whole % 60:02d} s"


def shown_instant(value: JSON) -> str:
    """A recorded time as people read it, to the millisecond, in UTC; anything else as it is."""
    if not isinstance(value, str) or not _TIME.match(value):
        return text(value)
    try:
        parsed = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return value
    shown = parsed.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
    return f"{shown.removesuffix('.000')} UTC"


def size(value: JSON) -> str:
    """Bytes with a binary unit."""
    amount = number(value)
    if amount is None:
        return UNKNOWN
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(amount) < 1024:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def services(record: Mapping[str, JSON]) -> str:
    """The services of the run."""
    return ", ".join(text(track.get("service")) for track in tracks_of(record))


def objectives(record: Mapping[str, JSON]) -> list[ObjectiveView]:
    """RTO and RPO of each track against their objectives."""
    return [objective for track in tracks_of(record) for objective in objectives_of(track)]


def objectives_of(track: Mapping[str, JSON]) -> list[ObjectiveView]:
    """RTO and RPO of one track."""
    service = text(track.get("service"))
    return [
        _objective(service, "RTO", "Time to recover", mapping(track.get("rto"))),
        _objective(service, "RPO", "Data lost", mapping(track.get("rpo"))),
    ]


def _objective(service: str, name: str, title: str, part: Mapping[str, JSON]) -> ObjectiveView:
    goal, actual, met = number(part.get("objective_seconds")), number(part.get("actual_seconds")), part.get("met")
    outcome = "met" if met is True else "missed" if met is False else "not judged"
    share = max(0.0, actual / goal) if goal and actual is not None else None
    return ObjectiveView(service, name, title, duration(goal), duration(actual), outcome, share)


def checks(record: Mapping[str, JSON]) -> list[CheckView]:
    """Every check, in the record's order."""
    fields = ("service", "name", "stage", "status", "expected", "actual", "message", "remedy")
    return [
        CheckView(*("" if mapping(check).get(field) is None else text(mapping(check)[field]) for field in fields))
        for check in items(record.get("checks"))
    ]


def checks_by_stage(record: Mapping[str, JSON]) -> dict[str, list[CheckView]]:
    """The checks under their stages, stages in the order in which they were first met."""
    stages: dict[str, list[CheckView]] = {}
    for check in checks(record):
        stages.setdefault(check.stage, []).append(check)
    return stages


def check_counts(record: Mapping[str, JSON]) -> dict[str, int]:
    """How many checks passed, failed and were skipped."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for check in checks(record):
        counts[check.status] = counts.get(check.status, 0) + 1
    return counts


def predictions(track: Mapping[str, JSON]) -> list[PredictionView]:
    """The plan's figures of a track beside the measured ones."""
    predicted = mapping(track.get("predicted"))
    actual = mapping(track.get("actual"))
    rto = mapping(track.get("rto")).get("actual_seconds")
    rows = [PredictionView("Time to recover", duration(predicted.get("rto_seconds")), duration(rto))]
    for key, name in (("bytes", "Restored data"), ("disk_bytes", "Free disk needed")):
        if predicted.get(key) is not None or key in actual:
            measured = size(actual[key]) if key in actual else "not known"
            rows.append(PredictionView(name, size(predicted.get(key)), measured))
    return rows


def facts(part: JSON) -> list[tuple[str, str]]:
    """A mapping as rows of label and value, with seconds and bytes in readable units; missing values are left out."""
    rows = []
    for key, value in mapping(part).items():
        if value is None or value == "":
            continue
        label = key.replace("_", " ")
        if key.endswith("_seconds"):
            rows.append((label.removesuffix(" seconds"), duration(value)))
        elif key == "bytes" or key.endswith("_bytes"):
            rows.append((label, size(value)))
        else:
            rows.append((label.replace("lsn", "LSN"), shown_instant(value)))
    return rows
