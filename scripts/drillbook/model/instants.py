"""Points in time as text (RFC 3339, UTC, aware), and durations as numbers."""

from datetime import UTC, datetime, timedelta

from drillbook.errors import ConfigurationError


def parse_instant(text: str, *, where: str) -> datetime:
    """Read an RFC 3339 time with an offset and return it in UTC.

    Raises ConfigurationError for anything else; a time without an offset is refused, because
    nobody knows which clock it means.
    """
    try:
        moment = datetime.fromisoformat(text)
        utc = None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # of the first and the last year, some times are none in UTC
        utc = None
    if utc is None:
        raise ConfigurationError(
            f"'{text}' is not a time with an offset", where=where, remedy="Write it like 2025-11-21T10:15:00Z."
        )
    return utc


def format_instant(moment: datetime) -> str:
    """Return ``2025-11-21T10:15:00.123Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def in_seconds(duration: timedelta | None) -> float | None:
    """Return seconds with three decimals, as all durations stand in JSON."""
    return None if duration is None else round(duration.total_seconds(), 3)
