"""A heartbeat, restored or published."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from drillbook.model.instants import parse_instant


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
    def from_fact(cls, data: Mapping[str, Any]) -> "Heartbeat":
        """Build it from a fact or a published object; raises KeyError, ValueError or ConfigurationError."""
        where = "a heartbeat"
        published, modified = data.get("published_at"), data.get("last_modified")
        return cls(
            host=str(data.get("host") or ""),
            counter=int(data["counter"]),
            written_at=parse_instant(str(data["written_at"]), where=where),
            published_at=parse_instant(str(published), where=where) if published else None,
            last_modified=parse_instant(str(modified), where=where) if modified else None,
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
