"""One entry of the evidence log: its fields, its exact bytes and its file names."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias, cast, get_args

from drillbook.errors import EvidenceError

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
EntryKind: TypeAlias = Literal["opened", "closed", "closed-by-successor"]

ENTRY_SCHEMA = "drillbook.entry/1"
ENTRY_KINDS: tuple[EntryKind, ...] = get_args(EntryKind)
FIRST_PREVIOUS = "0" * 64
ENTRY_NAME = re.compile(r"^(\d{6,})-(opened|closed|closed-by-successor)\Z")

_FIELDS = frozenset({"schema", "sequence", "kind", "run_id", "written_at", "previous_sha256", "body"})
_SHA256 = re.compile(r"^[0-9a-f]{64}\Z")
_READ_THE_LOG = "Run `drillbook evidence verify`; restore the file from the anchor if it was damaged"


class UnknownSchemaError(EvidenceError):
    """The file is JSON, but of a schema that this version does not know."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One link of the chain, with the exact bytes that were hashed and signed.

    ``anchored`` is None where the entry was only read, or where the log has no anchor; False means that the entry is
    safe on this disk and not yet in the anchor, and ``anchor_problem`` says why.
    """

    sequence: int
    kind: EntryKind
    run_id: str
    written_at: datetime
    previous_sha256: str
    body: Mapping[str, JSON]
    content: bytes
    anchored: bool | None = None
    anchor_problem: str | None = None

    @property
    def sha256(self) -> str:
        """Hex digest of the exact bytes: what the next entry names as its previous one."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def name(self) -> str:
        """File name without its ending."""
        return entry_name(self.sequence, self.kind)


def entry_name(sequence: int, kind: str) -> str:
    """``000007-closed``: the number first, so that a plain listing is in order."""
    return f"{sequence:06d}-{kind}"


def canonical_json(value: JSON) -> bytes:
    """Sorted keys, two spaces of indentation, UTF-8, one newline at the end.

    Indented because a JSON string can't hold a raw line break: the top-level fields are then whole lines that start
    with exactly two spaces, and sed finds ``previous_sha256`` without a JSON parser. Raises EvidenceError on what
    JSON can't say (NaN, a lone surrogate, a foreign type).
    """
    try:
        text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
        return (text + "\n").encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise EvidenceError(
            f"The value can't be written as JSON: {error}",
            where="evidence",
            remedy="This is a defect of what made the record: report it with the run's journal",
        ) from error


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds; refuses a time without a zone."""
    if moment.tzinfo is None:
        raise EvidenceError("A time without a zone can't be evidence", where="evidence", remedy="Give an aware time")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def make_entry(
    *, sequence: int, kind: EntryKind, run_id: str, written_at: datetime, previous_sha256: str, body: Mapping[str, JSON]
) -> Entry:
    """Build an entry and its exact bytes, and read them back, so that nothing is written that can't be read."""
    document: dict[str, JSON] = {
        "schema": ENTRY_SCHEMA,
        "sequence": sequence,
        "kind": kind,
        "run_id": run_id,
        "written_at": format_time(written_at),
        "previous_sha256": previous_sha256,
        "body": body,
    }
    return parse_entry(canonical_json(document), where=entry_name(sequence, kind))


def parse_entry(content: bytes, *, where: str, exact: bool = True) -> Entry:
    """Read the bytes of an entry; raises EvidenceError if they aren't exactly what this tool writes.

    ``exact=False`` leaves out the comparison with the canonical form, nine tenths of the time: for bytes that a
    signature vouches for anyway.
    """
    document = _load(content, where)
    if document.get("schema") != ENTRY_SCHEMA:
        raise UnknownSchemaError(
            f"The schema is {document.get('schema')!r}, and this version knows {ENTRY_SCHEMA!r}",
            where=where,
            remedy="Verify with the version of drillbook that wrote it",
        )
    if document.keys() != _FIELDS:
        odd = ", ".join(sorted(document.keys() ^ _FIELDS))
        raise EvidenceError(f"Fields are missing or unknown: {odd}", where=where, remedy=_READ_THE_LOG)
    if exact and canonical_json(document) != content:
        raise EvidenceError("The bytes are not canonical JSON", where=where, remedy=_READ_THE_LOG)
    return _typed(document, content, where)


def _load(content: bytes, where: str) -> dict[str, JSON]:
    """The JSON object in ``content``."""
    try:
        document = json.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise EvidenceError(f"The file is not JSON: {error}", where=where, remedy=_READ_THE_LOG) from error
    if not isinstance(document, dict):
        raise EvidenceError("The file is JSON, but not an object", where=where, remedy=_READ_THE_LOG)
    return document


def _typed(document: Mapping[str, JSON], content: bytes, where: str) -> Entry:
    """Check every field's type, once, at the edge."""
    sequence, kind, run_id = document["sequence"], document["kind"], document["run_id"]
    previous, body, written_at = document["previous_sha256"], document["body"], document["written_at"]
    good = (
        isinstance(sequence, int)
        and not isinstance(sequence, bool)
        and sequence >= 1
        and kind in ENTRY_KINDS
        and isinstance(run_id, str)
        and run_id != ""
        and isinstance(previous, str)
        and _SHA256.match(previous) is not None
        and isinstance(body, Mapping)
        and isinstance(written_at, str)
    )
    if not good:
        raise EvidenceError("A field has the wrong type or value", where=where, remedy=_READ_THE_LOG)
    try:
        moment = datetime.fromisoformat(cast("str", written_at))
    except ValueError as error:
        raise EvidenceError(f"written_at is no time: {error}", where=where, remedy=_READ_THE_LOG) from error
    if moment.tzinfo is None:
        raise EvidenceError("written_at has no time zone", where=where, remedy=_READ_THE_LOG)
    return Entry(
        sequence=cast("int", sequence),
        kind=cast("EntryKind", kind),
        run_id=cast("str", run_id),
        written_at=moment,
        previous_sha256=cast("str", previous),
        body=cast("Mapping[str, JSON]", body),
        content=content,
    )
