"""Compares a local log with what its anchor holds."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from drillbook.errors import EvidenceError
from drillbook.evidence.anchor import Anchor, AnchoredObject
from drillbook.evidence.chain import sequence_of
from drillbook.evidence.entries import ENTRY_NAME
from drillbook.evidence.findings import Finding

_PARALLEL_READS = 8
_TRUST_THE_ANCHOR = "The anchor's copy can't be changed: keep the local file aside and restore the anchor's"


def compare_with_anchor(
    anchor: Anchor, held: Sequence[AnchoredObject], names: Sequence[str], files: Mapping[str, bytes]
) -> tuple[list[Finding], bool]:
    """Findings, and whether the anchor holds the newest local entry byte for byte.

    ``names`` are the local entries in order, ``files`` all local files by name; ``held`` is the anchor's listing.
    """
    local = {name: content for name, content in files.items() if name.endswith((".json", ".sig"))}
    objects = {item.name: item for item in held}
    findings = [_changed(item) for item in held if item.anomaly]
    findings += _only_in_anchor(objects.keys() - local.keys(), names)
    findings += [
        Finding("not-anchored", name, "It is not in the anchor", "Run `drillbook evidence anchor` and verify again")
        for name in sorted(local.keys() - objects.keys(), key=sequence_of)
    ]
    shared = [objects[name] for name in sorted(objects.keys() & local.keys(), key=sequence_of)]
    same: set[str] = set()
    with ThreadPoolExecutor(max_workers=_PARALLEL_READS) as pool:
        for item, content in zip(shared, pool.map(lambda one: _fetch(anchor, one), shared), strict=True):
            if isinstance(content, Finding):
                findings.append(content)
            elif content == local[item.name]:
                same.add(item.name)
            else:
                message = "The anchor holds other bytes under this name"
                findings.append(Finding("anchor-differs", item.name, message, _TRUST_THE_ANCHOR))
    return findings, bool(names) and {f"{names[-1]}.json", f"{names[-1]}.sig"} <= same


def _fetch(anchor: Anchor, item: AnchoredObject) -> bytes | Finding:
    try:
        return anchor.get(item)
    except EvidenceError as error:
        return Finding("anchor-unavailable", item.name, error.message, "Repair the anchor and verify again")


def _changed(item: AnchoredObject) -> Finding:
    return Finding(
        "anchor-changed",
        item.name,
        f"In the anchor, {item.anomaly}",
        "The first version was compared; find out who holds a credential that can do this",
    )


def _only_in_anchor(surplus: Iterable[str], names: Sequence[str]) -> list[Finding]:
    """Objects without a local file: a cut tail, a removed entry, or a stranger."""
    last = sequence_of(names[-1])[0] if names else 0
    numbers = {sequence_of(name)[0] for name in names}
    findings: list[Finding] = []
    for name in sorted(surplus, key=sequence_of):
        stem, _, ending = name.rpartition(".")
        number = sequence_of(name)[0]
        if not ENTRY_NAME.match(stem) or ending not in {"json", "sig"}:
            message = "The anchor holds an object that is no entry"
            findings.append(Finding("anchor-changed", name, message, "Find out who wrote it"))
        elif number > last:
            message = "The anchor has it, this log ends before it: the tail was cut off"
            findings.append(Finding("truncated", name, message, "Restore it from the anchor"))
        elif number in numbers and ending == "json":
            message = "The anchor has this entry under its number, this log has another"
            findings.append(Finding("anchor-differs", name, message, _TRUST_THE_ANCHOR))
        else:
            findings.append(Finding("missing-entry", name, "The anchor has it, this log hasn't", _TRUST_THE_ANCHOR))
    return findings
