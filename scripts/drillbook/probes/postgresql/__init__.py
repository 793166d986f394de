"""Our own checks for PostgreSQL: WAL continuity, which no tool of the trade notices (see `wal`)."""

from drillbook.probes.postgresql.wal import Archive, Continuity, Segment, check_continuity, parse_lsn

__all__ = ["Archive", "Continuity", "Segment", "check_continuity", "parse_lsn"]
