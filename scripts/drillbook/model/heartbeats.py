"""A heartbeat, restored or published."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from drillbook.errors import ConfigurationError, MalformedDataError
from drillbook.model.instants import parse_instant
from drillbook.untrusted import short_text, whole_number

HEARTBEAT_LIMIT = 4096
"""Bytes that a heartbeat may have: those of the agent have some 200."""
_YEARS = range(2000, 3000)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A heartbeat as it was found; times are the clock of the host that wrote it.

    ``published_at`` (same clock) and ``last_modified`` (the store's clock) are there for a published one.
    """

    host: str
    counter: int
    written_at: datetime
    published_at: datetime | None = None
    last_modified: datetime | None = None

    @classmethod
    def from_fact(cls, data: object, *, where: str = "a heartbeat") -> "Heartbeat":
        """Build it from a fact or a published object; raises MalformedDataError for whatever is none."""
        if not isinstance(data, Mapping):
            raise MalformedDataError("it is no heartbeat", where=where, remedy="See who writes it.")
        return cls(
            host=short_text(data, "host", where=where),
            counter=whole_number(data, "counter", where=where),
            written_at=_moment(data, "written_at", where),
            published_at=_moment(data, "published_at", where) if data.get("published_at") else None,
            last_modified=_moment(data, "last_modified", where) if data.get("last_modified") else None,
        )

    @property
    def clock_offset(self) -> timedelta | None:
        """How far the host's clock is ahead of the store's.

        S3 may tell whole seconds only (HTTP dates do): then half a second is added, the middle of what was cut off.
        """
        if self.published_at is None or self.last_modified is None:
            return None
        cut = timedelta(milliseconds=500) if self.last_modified.microsecond == 0 else timedelta()
        return self.published_at - self.last_modified - cut


@dataclass(frozen=True, slots=True)
class PublishedHeartbeats:
    """What the agents of a service published.

    ``beats`` are the newest of its hosts. ``unreadable`` says by host why an object of its is none, and ``others`` names objects of
    hosts that are not the service's.
    """

    beats: tuple[Heartbeat, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()


def _moment(data: Mapping[str, Any], key: str, where: str) -> datetime:
    try:
        moment = parse_instant(short_text(data, key, where=where), where=where)
    except ConfigurationError as error:
        raise MalformedDataError(f"its {key}: {error.message}", where=where, remedy="See who writes it.") from error
    if moment.year not in _YEARS:
        raise MalformedDataError(f"its {key} is of the year {moment.year}", where=where, remedy="Correct that clock.")
    return moment
