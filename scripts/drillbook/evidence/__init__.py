"""Evidence: a signed, chained, anchored log of runs, its verification, and the reports made from a record."""

from drillbook.evidence.anchor import (
    Anchor,
    AnchorConflictError,
    AnchoredObject,
    AnchorUnavailableError,
    DirectoryAnchor,
)
from drillbook.evidence.entries import ENTRY_SCHEMA, JSON, Entry, EntryKind, canonical_json
from drillbook.evidence.findings import Finding, FindingKind, VerificationReport
from drillbook.evidence.log import EvidenceLog, noted_anchored
from drillbook.evidence.on_demand import LogOnDemand
from drillbook.evidence.reading import Reading, closed_records, closing_of, newest_signature, read_log
from drillbook.evidence.reports import record_sha256, render_html, render_json, render_junit, render_text
from drillbook.evidence.s3_anchor import S3Anchor, S3Credential, S3Location
from drillbook.evidence.signature import Signer, Verifier
from drillbook.evidence.verification import verify_log

__all__ = [
    "ENTRY_SCHEMA",
    "JSON",
    "Anchor",
    "AnchorConflictError",
    "AnchorUnavailableError",
    "AnchoredObject",
    "DirectoryAnchor",
    "Entry",
    "EntryKind",
    "EvidenceLog",
    "Finding",
    "FindingKind",
    "LogOnDemand",
    "Reading",
    "S3Anchor",
    "S3Credential",
    "S3Location",
    "Signer",
    "VerificationReport",
    "Verifier",
    "canonical_json",
    "closed_records",
    "closing_of",
    "newest_signature",
    "noted_anchored",
    "read_log",
    "record_sha256",
    "render_html",
    "render_json",
    "render_junit",
    "render_text",
    "verify_log",
]
