"""Snapshot sets: the snapshots of one group that were taken together, told from the notes that lie with them.

The provider's own data is the only state. A set that another controller took is seen like one of our own, and nothing that
drillbook did not take is ever counted or removed.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from drillbook.errors import MalformedDataError
from drillbook.model import MachineGroup, Snapshot, format_instant
from drillbook.untrusted import read_object, whole_number

NOTE_SCHEMA = "drillbook.snapshot/1"
NAME_FORMAT = "drillbook-%Y%m%dT%H%M%SZ"


class SetState(StrEnum):
    """What a set is good for."""

    WHOLE = "whole"
    TORN = "torn"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class SnapshotSet:
    """The snapshots of a group with one name. ``missing`` lists members without one, ``why`` what makes it less than whole."""

    group: str
    name: str
    snapshots: tuple[Snapshot, ...]
    missing: tuple[str, ...]
    state: SetState
    quiesced: bool
    why: str = ""

    @property
    def taken_at(self) -> datetime:
        """When its last snapshot was taken: nothing later is in it."""
        return max(snapshot.taken_at for snapshot in self.snapshots)

    @property
    def spread(self) -> timedelta:
        """Between its first and its last snapshot."""
        return self.taken_at - min(snapshot.taken_at for snapshot in self.snapshots)

    @property
    def good(self) -> bool:
        """Whether it is whole."""
        return self.state is SetState.WHOLE

    @property
    def ram(self) -> bool:
        """Whether every member's memory is in it."""
        return all(snapshot.ram for snapshot in self.snapshots)

    def as_json(self) -> dict[str, Any]:
        """Return the form that ``--json`` prints."""
        return {
            "group": self.group,
            "name": self.name,
            "state": self.state.value,
            "why": self.why,
            "taken_at": format_instant(self.taken_at),
            "spread_seconds": self.spread.total_seconds(),
            "quiesced": self.quiesced,
            "ram": self.ram,
            "members": [snapshot.host for snapshot in self.snapshots],
            "missing": list(self.missing),
        }


def note(group: str, *, members: int, quiesced: bool) -> str:
    """Return the text kept with each snapshot of a set; it tells the set to whoever finds it."""
    return json.dumps({"schema": NOTE_SCHEMA, "group": group, "members": members, "quiesced": quiesced}, sort_keys=True)


def sets_of(group: MachineGroup, snapshots: Iterable[Snapshot]) -> tuple[SnapshotSet, ...]:
    """Return the sets of ``group`` among ``snapshots``, oldest first."""
    found: dict[str, list[Snapshot]] = {}
    for snapshot in snapshots:
        if _read_note(snapshot.note).get("group") == group.name:
            found.setdefault(snapshot.name, []).append(snapshot)
    made = [_set(group, name, tuple(members)) for name, members in found.items()]
    return tuple(sorted(made, key=lambda entry: entry.taken_at))


def _set(group: MachineGroup, name: str, snapshots: tuple[Snapshot, ...]) -> SnapshotSet:
    notes = [_read_note(snapshot.note) for snapshot in snapshots]
    quiesced = all(bool(entry.get("quiesced")) for entry in notes)
    have = {snapshot.host for snapshot in snapshots}
    missing = tuple(host for host in group.hosts if host not in have)
    declared = max(_members(entry) for entry in notes)
    spread = max(entry.taken_at for entry in snapshots) - min(entry.taken_at for entry in snapshots)
    state, why = SetState.WHOLE, ""
    if len(snapshots) < declared:
        state, why = SetState.PARTIAL, f"{len(snapshots)} of {declared} members have it"
    elif spread > group.window and not quiesced:
        state = SetState.TORN
        why = f"{spread.total_seconds():.0f} s between its first and its last snapshot, {group.window.total_seconds():.0f} s are allowed"
    return SnapshotSet(group.name, name, snapshots, missing, state, quiesced, why)


def _members(entry: Mapping[str, Any]) -> int:
    """So many members the note says; none where it does not say a number."""
    try:
        return whole_number(entry, "members", where="the note of a snapshot")
    except MalformedDataError:
        return 0


def _read_note(text: str) -> Mapping[str, Any]:
    """What drillbook wrote; nothing where somebody else did."""
    try:
        found = read_object(text, where="the note of a snapshot")
    except MalformedDataError:
        return {}
    return found if found.get("schema") == NOTE_SCHEMA else {}
