"""What a service can be restored to: its sets, the moments they reach, and what is missing between them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from drillbook.model.instants import format_instant


@dataclass(frozen=True, slots=True)
class CatalogSet:
    """One set that was backed up.

    ``type`` is the kind's own word, such as `full` or `backup`; ``host`` is the machine that it is of, "" where it is of the whole
    service. ``restorable_at`` is the first moment that it restores, ``started_at`` when it was begun. Sizes are in bytes: of the
    data that it restores, and of what it added to the repository; None where nobody says. ``fault`` says why it can't be restored;
    "" where nothing is known against it.
    """

    label: str
    type: str
    restorable_at: datetime
    started_at: datetime | None = None
    host: str = ""
    timeline: int | None = None
    original_bytes: int | None = None
    stored_bytes: int | None = None
    encrypted: bool | None = None
    fault: str = ""

    @property
    def usable(self) -> bool:
        """Whether nothing is known against it."""
        return not self.fault

    def as_json(self) -> dict[str, Any]:
        """Return the form that ``--json`` prints."""
        return {
            "label": self.label,
            "type": self.type,
            "host": self.host or None,
            "restorable_at": format_instant(self.restorable_at),
            "started_at": _text(self.started_at),
            "timeline": self.timeline,
            "original_bytes": self.original_bytes,
            "stored_bytes": self.stored_bytes,
            "encrypted": self.encrypted,
            "usable": self.usable,
            "fault": self.fault or None,
        }


@dataclass(frozen=True, slots=True)
class Hole:
    """Moments that can't be restored, because something is missing.

    ``missing`` names it: the first and the last of ``count`` segments, or a machine. After ``after`` nothing can be restored until
    ``until``; None where there is no such moment.
    """

    missing: tuple[str, str]
    count: int
    timeline: int | None
    after: datetime | None
    until: datetime | None
    meaning: str

    def as_json(self) -> dict[str, Any]:
        """Return the form that ``--json`` prints."""
        return {
            "first": self.missing[0],
            "last": self.missing[1],
            "count": self.count,
            "timeline": self.timeline,
            "after": _text(self.after),
            "until": _text(self.until),
            "meaning": self.meaning,
        }


@dataclass(frozen=True, slots=True)
class CatalogTimeline:
    """A timeline of the service's history: where it left its parent, and how far it can be restored. ``newest`` is None where it can't."""

    timeline: int
    parent: int | None
    left_at: str
    last: str
    newest: datetime | None

    def as_json(self) -> dict[str, Any]:
        """Return the form that ``--json`` prints."""
        return {
            "timeline": self.timeline,
            "parent": self.parent,
            "left_at": self.left_at or None,
            "last": self.last or None,
            "newest": _text(self.newest),
        }


@dataclass(frozen=True, slots=True)
class Catalog:
    """What there is, whoever was asked for it.

    ``oldest`` and ``newest`` are the first and the last moment that can be restored; None where nothing can. ``note`` says how the
    newest is known.
    """

    sets: tuple[CatalogSet, ...] = ()
    holes: tuple[Hole, ...] = ()
    timelines: tuple[CatalogTimeline, ...] = ()
    oldest: datetime | None = None
    newest: datetime | None = None
    note: str = ""

    @property
    def restorable(self) -> bool:
        """Whether anything of it can be restored."""
        return self.oldest is not None


@dataclass(frozen=True, slots=True)
class Asked:
    """Who gave the answer: `member`, `controller`, `sandbox` or `provider`, and what it is called. ``instead_of`` says who could not, and why."""

    place: str
    name: str
    instead_of: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As it is shown."""
        made = " (made for it, and removed)" if self.place == "sandbox" else ""
        return f"{self.place} {self.name}{made}" if self.name != self.place else self.place


@dataclass(frozen=True, slots=True)
class RecoveryPoints:
    """The answer to what a service can be restored to.

    ``repository_time`` is the moment whose state of the repository was read, None where it was read as it is. ``left`` names what was
    made for the question and could not be removed.
    """

    service: str
    kind: str
    asked: Asked
    read_at: datetime
    catalog: Catalog
    repository_time: datetime | None = None
    left: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the form that ``--json`` prints: times in RFC 3339 and UTC, sizes in bytes."""
        catalog = self.catalog
        return {
            "service": self.service,
            "kind": self.kind,
            "asked": {"place": self.asked.place, "name": self.asked.name, "instead_of": list(self.asked.instead_of)},
            "read_at": format_instant(self.read_at),
            "repository_time": _text(self.repository_time),
            "oldest": _text(catalog.oldest),
            "newest": _text(catalog.newest),
            "note": catalog.note or None,
            "sets": [found.as_json() for found in catalog.sets],
            "holes": [found.as_json() for found in catalog.holes],
            "timelines": [found.as_json() for found in catalog.timelines],
            "left": list(self.left),
        }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else format_instant(moment)
