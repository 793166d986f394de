"""What the backups of a group of machines can restore: pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from drillbook.machines.backups.inventory import MachineBackups, TakenBackup
from drillbook.machines.retention import is_to_come, said_to_come
from drillbook.model import Catalog, CatalogSet, Hole
from drillbook.model.instants import format_instant

_DAMAGED = "its provider read it again and found it damaged"


def catalog_of(machines: Sequence[MachineBackups], now: datetime) -> Catalog:
    """A group can be restored from the first moment at which each of its machines has a good backup.

    Its newest moment is that of the machine whose newest backup is the oldest. Machines are backed up one after another: where one
    has a single backup, which completed the group, the two moments are one.
    """
    sets = tuple(sorted(_sets(machines, now), key=lambda one: (one.restorable_at, one.host)))
    good = {
        one.host: [found.restorable_at for found in sets if found.host == one.host and found.usable] for one in machines
    }
    whole = bool(good) and all(good.values())
    oldest = max(min(moments) for moments in good.values()) if whole else None
    newest, behind = min((max(moments), host) for host, moments in good.items()) if whole else (None, "")
    return Catalog(
        sets=sets,
        holes=tuple(_hole(host) for host, moments in good.items() if not moments),
        oldest=oldest,
        newest=max(oldest, newest) if oldest and newest else None,
        note=f"the oldest of the machines' newest backups is of {behind}, {format_instant(newest)}" if newest else "",
    )


def _sets(machines: Sequence[MachineBackups], now: datetime) -> Iterator[CatalogSet]:
    for one in machines:
        for taken in one.backups:
            yield CatalogSet(
                label=taken.copies[0].identifier,
                type="backup",
                host=one.host,
                restorable_at=taken.taken_at,
                stored_bytes=taken.copies[0].size,
                fault=_fault(taken, now),
            )


def _fault(taken: TakenBackup, now: datetime) -> str:
    if is_to_come(taken.taken_at, now):
        return said_to_come(taken.taken_at)
    return _DAMAGED if _damaged(taken) else ""


def _damaged(taken: TakenBackup) -> bool:
    return all(copy.verified is False for copy in taken.copies)


def _hole(host: str) -> Hole:
    return Hole(
        missing=(host, host),
        count=1,
        timeline=None,
        after=None,
        until=None,
        meaning="it has no good backup: the group can't be restored whole",
    )
