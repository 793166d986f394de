"""Verifies a whole log: by itself, against its anchor, and against a head that was noted elsewhere."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from os import W_OK, access
from pathlib import Path

from filelock import FileLock, Timeout

from drillbook.errors import EvidenceError
from drillbook.evidence.anchor import Anchor, AnchoredObject
from drillbook.evidence.anchor_verification import compare_with_anchor
from drillbook.evidence.chain import LOCK_NAME, PUBLIC_KEY_NAME, Listing, open_runs, scan, sequence_of
from drillbook.evidence.entries import FIRST_PREVIOUS, Entry, UnknownSchemaError, parse_entry
from drillbook.evidence.files import read_bytes
from drillbook.evidence.findings import Finding, FindingKind, VerificationReport
from drillbook.evidence.records import tracks_of
from drillbook.evidence.signature import Verifier
from drillbook.evidence.verdict_check import contradictions

_RESTORE = "Find out who changed it, keep the changed file aside, and restore the original from the anchor"
_NOT_ITS_OPENING = "Believe the opened entry, and find out what wrote the closing one"
_NOT_ITS_FIGURES = "Believe the checks and figures, and find out what wrote the verdict"
_LOCK_TIMEOUT_SECONDS = 180
BOUND = ("drill", "trigger", "mode", "plan_digest", "config_digest")
"""What an `opened` entry announces of its run, and the closing one must repeat."""
BOUND_OF_TRACK = ("service", "kind", "target", "objectives")
"""The same of each of its tracks. A record of schema 1 announced no target."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """Everything read while nobody could append: the files by name, and what the anchor listed."""

    listing: Listing
    files: Mapping[str, bytes]
    anchored: tuple[AnchoredObject, ...] | None
    findings: tuple[Finding, ...]


def verify_log(
    directory: Path, public_key_pem: bytes | str, anchor: Anchor | None = None, expect_head: str | None = None
) -> VerificationReport:
    """Find every change to the log that its signatures, its chain, its anchor and the expected head can show.

    Use a public key kept outside the log: the one beside it proves nothing. A truncated tail is seen only with an
    anchor or an expected head; with neither, the report says so and is not OK. Raises EvidenceError if the directory
    or the key can't be read at all.
    """
    verifier = Verifier(public_key_pem)
    snapshot = _read(directory, anchor)
    names = snapshot.listing.entries
    findings = list(snapshot.findings)
    findings += _check_files(snapshot, verifier)
    entries, of_entries = _check_entries(names, snapshot.files, verifier)
    findings += [*of_entries, *_check_numbers(names), *_check_runs(entries)]
    anchored = False
    if anchor is not None and snapshot.anchored is not None:
        found, anchored = compare_with_anchor(anchor, snapshot.anchored, names, snapshot.files)
        findings += found
    hashes = [entry.sha256 for entry in entries]
    head = hashes[-1] if hashes else ""
    findings += _check_head(head, hashes, expect_head, has_anchor=anchor is not None, anchored=anchored)
    return VerificationReport(tuple(findings), head, len(names), anchored)


def _read(directory: Path, anchor: Anchor | None) -> _Snapshot:
    """Read the log, and list the anchor, under the lock: an entry being appended is then in both or in neither."""
    findings: list[Finding] = []
    try:
        with _lock(directory):
            anchored = _list_anchor(anchor, findings)
            listing = scan(directory)
            names = [f"{name}.json" for name in listing.entries] + [f"{name}.sig" for name in listing.signatures]
            if (directory / PUBLIC_KEY_NAME).exists():
                names.append(PUBLIC_KEY_NAME)
            files: dict[str, bytes] = {}
            for name in names:
                try:
                    files[name] = read_bytes(directory / name)
                except EvidenceError as error:
                    findings.append(Finding("unreadable", name, error.message, error.remedy))
    except Timeout as error:
        raise EvidenceError(
            "Another process holds the evidence log",
            where=str(directory),
            remedy="Verify again when its append has ended",
        ) from error
    except OSError as error:
        raise EvidenceError(
            f"The evidence log can't be locked: {error.strerror or error}",
            where=str(directory / LOCK_NAME),
            remedy="See who put that there, remove it, and verify again",
        ) from error
    return _Snapshot(listing, files, anchored, tuple(findings))


def _lock(directory: Path) -> AbstractContextManager[object]:
    """The log's own lock where there is one; a copy on an auditor's machine has none and needs none."""
    path = directory / LOCK_NAME
    if path.exists() and access(path, W_OK) and access(directory, W_OK):
        return FileLock(path, timeout=_LOCK_TIMEOUT_SECONDS)
    return nullcontext()


def _list_anchor(anchor: Anchor | None, findings: list[Finding]) -> tuple[AnchoredObject, ...] | None:
    if anchor is None:
        return None
    try:
        return anchor.list()
    except EvidenceError as error:
        findings.append(Finding("anchor-unavailable", error.where, error.message, "Repair the anchor and verify again"))
        return None


def _check_files(snapshot: _Snapshot, verifier: Verifier) -> list[Finding]:
    """The files around the entries: strangers, parts, signatures left alone, the public key."""
    listing = snapshot.listing
    with_entry = set(listing.entries)
    findings = [
        Finding("unknown-file", name, "This file does not belong in an evidence log", "Find out who put it there")
        for name in listing.unknown
    ]
    findings += [
        Finding(
            "unfinished-append",
            name,
            "An append was cut short",
            "The next append, `drillbook drill clean` or `drillbook evidence anchor` finishes it",
        )
        for name in listing.staged
    ]
    findings += [
        Finding("missing-entry", f"{name}.json", "Its signature is here, the entry is not", _RESTORE)
        for name in listing.signatures
        if name not in with_entry
    ]
    if not verifier.is_same_key(snapshot.files.get(PUBLIC_KEY_NAME, b"")):
        remedy = "Compare both keys with the fingerprint noted when the log was begun"
        findings.append(Finding("wrong-key", PUBLIC_KEY_NAME, "The log's key is missing or not the one given", remedy))
    return findings


def _check_entries(
    names: Sequence[str], files: Mapping[str, bytes], verifier: Verifier
) -> tuple[list[Entry], list[Finding]]:
    """Each entry by itself, and the link to the one before; returns those that could be read, in order."""
    entries: list[Entry] = []
    findings: list[Finding] = []
    by_sequence: dict[int, list[Entry]] = {}

    def found(kind: FindingKind, name: str, message: str) -> None:
        findings.append(Finding(kind, f"{name}.json", message, _RESTORE))

    for name in names:
        content = files.get(f"{name}.json")
        if content is None:
            continue  # reported as unreadable
        signature = files.get(f"{name}.sig")
        if signature is None:
            found("missing-signature", name, "It has no signature")
        elif not verifier.is_signed(content, signature):
            found("bad-signature", name, "Its signature doesn't fit: it was edited, or signed with another key")
        try:
            entry = parse_entry(content, where=name)
        except UnknownSchemaError as error:
            findings.append(Finding("unknown-schema", f"{name}.json", error.message, error.remedy))
            continue
        except EvidenceError as error:
            found("bad-json", name, error.message)
            continue
        if entry.name != name:
            found("renamed", name, f"By its content this is {entry.name}")
        number = sequence_of(name)[0]
        before = [previous.sha256 for previous in by_sequence.get(number - 1, [])]
        if number == 1 and entry.previous_sha256 != FIRST_PREVIOUS:
            found("broken-chain", name, "The first entry names a previous one")
        elif number > 1 and entry.previous_sha256 not in before:
            found("broken-chain", name, "It doesn't follow the entry before it")
        by_sequence.setdefault(number, []).append(entry)
        entries.append(entry)
    return entries, findings


def _check_numbers(names: Sequence[str]) -> list[Finding]:
    """Holes and doubles in the numbers of the file names."""
    if not names:
        return [Finding("empty-log", "000001-opened.json", "The log has no entry", "Check the directory's name")]
    findings: list[Finding] = []
    before = 0
    for name in names:
        number = sequence_of(name)[0]
        if number == before:
            findings.append(Finding("duplicate-sequence", f"{name}.json", "Its number is there twice", _RESTORE))
        elif number > before + 1:
            gap = f"{before + 1:06d}" if number == before + 2 else f"{before + 1:06d} to {number - 1:06d}"
            findings.append(Finding("missing-entry", gap, f"Missing before {name}.json", _RESTORE))
        before = number
    return findings


def _check_runs(entries: Sequence[Entry]) -> list[Finding]:
    """Every run is one opened and one closing entry, in this order, and the second speaks of what the first announced."""
    findings: list[Finding] = []
    state: dict[str, str] = {}
    openings: dict[str, Entry] = {}
    for entry in entries:
        opened = entry.kind == "opened"
        if opened:
            openings.setdefault(entry.run_id, entry)
        elif entry.run_id in openings:
            findings += _compare(openings[entry.run_id], entry)
        if not opened:
            findings += [
                Finding("not-its-figures", f"{entry.name}.json", why, _NOT_ITS_FIGURES)
                for why in contradictions(entry.body)
            ]
        if opened != (entry.run_id not in state) or state.get(entry.run_id) == "closed":
            message = f"Run {entry.run_id} is {entry.kind}, and that does not fit the entries before"
            findings.append(Finding("run-order", f"{entry.name}.json", message, _RESTORE))
        state[entry.run_id] = "opened" if opened else "closed"
    remedy = "If it is not running now, `drillbook drill clean` closes it"
    findings += [Finding("open-run", run, "The run was opened and never closed", remedy) for run in open_runs(entries)]
    return findings


def _compare(opening: Entry, closing: Entry) -> list[Finding]:
    """A run that is closed as another drill's would vanish from its own."""
    other = [key for key in BOUND if closing.body.get(key) != opening.body.get(key)]
    announced, closed = tracks_of(opening.body), tracks_of(closing.body)
    other += [] if len(announced) == len(closed) else ["tracks"]
    for before, after in zip(announced, closed, strict=False):
        other += [key for key in BOUND_OF_TRACK if before.get(key) is not None and after.get(key) != before[key]]
    message = f"It closes {opening.name} with another {', '.join(other)}"
    return [Finding("not-its-opening", f"{closing.name}.json", message, _NOT_ITS_OPENING)] if other else []


def _check_head(
    head: str, hashes: Sequence[str], expect_head: str | None, *, has_anchor: bool, anchored: bool
) -> list[Finding]:
    """Whether the end of the log is known to be its end."""
    if expect_head is None:
        if has_anchor:
            return []  # the comparison with the anchor has spoken
        remedy = "Verify with an anchor, or with --expect-head and a head that was noted elsewhere"
        return [
            Finding("tail-not-anchored", "head", "Tail not anchored: entries cut off the end would not show", remedy)
        ]
    expected = expect_head.strip().lower()
    if expected == head or (anchored and expected in hashes):
        return []
    if expected in hashes:
        newer = len(hashes) - 1 - hashes.index(expected)
        message = f"The log holds the expected head and {newer} newer entries, which nothing confirms"
        return [Finding("head-differs", "head", message, "Verify with the anchor or with a newer head")]
    return [Finding("truncated", "head", "The expected head is not in this log: it was cut or rewritten", _RESTORE)]
