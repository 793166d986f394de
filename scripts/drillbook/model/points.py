"""Which recovery point is asked for."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from drillbook.errors import ConfigurationError
from drillbook.model.instants import format_instant, parse_instant

_WHERE = "the option --point"
_REMEDY = "Give latest, oldest, random, immediate, time=<RFC 3339>, lsn=<X/Y>, xid=<number> or name=<restore point>."


class PointType(StrEnum):
    """How a recovery point is named."""

    LATEST = "latest"
    OLDEST = "oldest"
    RANDOM = "random"
    TIME = "time"
    LSN = "lsn"
    XID = "xid"
    NAME = "name"
    IMMEDIATE = "immediate"

    @property
    def needs_target(self) -> bool:
        """Tell whether the type means nothing without a target."""
        return self in (PointType.TIME, PointType.LSN, PointType.XID, PointType.NAME)


@dataclass(frozen=True, slots=True)
class PointRequest:
    """The recovery point a drill or an operator asks for; which backup set serves it is chosen later.

    ``repository_time`` reads a versioned repository as it was then; None reads it as it is. ``until`` reads it as it is and
    ignores what came into it later, which needs no versions: so a disaster is simulated. ``accept_hole`` is the first missing piece
    of the archive that a restore in place may end at.
    """

    type: PointType = PointType.LATEST
    target: str | None = None
    exclusive: bool = False
    set_label: str | None = None
    timeline: int | None = None
    repository_time: datetime | None = None
    until: datetime | None = None
    accept_hole: str | None = None

    def __post_init__(self) -> None:
        """Refuse a type without its target and a target without its type (ConfigurationError)."""
        if self.type.needs_target and not self.target:
            raise ConfigurationError(f"recovery point '{self.type}' needs a target", where=_WHERE, remedy=_REMEDY)
        if self.target and not self.type.needs_target:
            raise ConfigurationError(f"recovery point '{self.type}' takes no target", where=_WHERE, remedy=_REMEDY)
        if self.type is PointType.TIME and self.target is not None:
            parse_instant(self.target, where=_WHERE)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``latest`` or ``time=2025-11-21T10:00:00Z``; raises ConfigurationError."""
        kind, _, target = text.partition("=")
        if kind not in set(PointType):
            raise ConfigurationError(f"unknown recovery point '{text}'", where=_WHERE, remedy=_REMEDY)
        return cls(type=PointType(kind), target=target or None)

    @property
    def selectors(self) -> frozenset[str]:
        """What is said beside the point itself: `exclusive`, `set`, `timeline`, `repository_time`, `accept_hole`."""
        said = {
            "exclusive": self.exclusive,
            "set": self.set_label is not None,
            "timeline": self.timeline is not None,
            "repository_time": self.repository_time is not None,
            "accept_hole": self.accept_hole is not None,
        }
        return frozenset(name for name, given in said.items() if given)

    @property
    def target_time(self) -> datetime | None:
        """The moment aimed at, where the point is a time."""
        if self.type is PointType.TIME and self.target is not None:
            return parse_instant(self.target, where=_WHERE)
        return None

    def ignoring_later_than(self, moment: datetime) -> "PointRequest":
        """Return the same request, blind to what came into the repository after ``moment``."""
        return replace(self, until=moment)

    def as_variables(self) -> dict[str, Any]:
        """Return the ``restore_point`` variable that the playbooks take; times are RFC 3339, what is not asked for is null."""
        time = self.target_time
        return {
            "type": self.type.value,
            "target": time.isoformat(timespec="microseconds").replace("+00:00", "Z") if time else self.target,
            "exclusive": self.exclusive,
            "set": self.set_label,
            "timeline": self.timeline,
            "repository_time": format_instant(self.repository_time) if self.repository_time else None,
            "until": format_instant(self.until) if self.until else None,
            "accept_hole": self.accept_hole,
        }
