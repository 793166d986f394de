"""Our own checks for PostgreSQL, which no tool of the trade makes: WAL continuity (`wal`) and signed fingerprints (`fingerprints`)."""

from drillbook.kinds.postgresql.fingerprints import Fingerprint, believe, public_key_of
from drillbook.kinds.postgresql.wal import Archive, Continuity, Segment, check_continuity, parse_lsn

__all__ = [
    "Archive",
    "Continuity",
    "Fingerprint",
    "Segment",
    "believe",
    "check_continuity",
    "parse_lsn",
    "public_key_of",
]
