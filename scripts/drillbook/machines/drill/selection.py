"""Which backup of each machine a drill restores: pure."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from drillbook.errors import InfrastructureError
from drillbook.machines.retention import is_to_come
from drillbook.model import Backup, MachineGroup, PointRequest, PointType, format_instant

_REMEDY = "See `drillbook backup list` and `drillbook backup verify`."


@dataclass(frozen=True, slots=True)
class Selection:
    """A backup for each host of the group, and the moment aimed at where there is one.

    ``to_come`` were never looked at: they are dated into the future.
    """

    backups: tuple[Backup, ...]
    target: datetime | None
    to_come: tuple[Backup, ...] = ()

    @property
    def origin(self) -> datetime:
        """The time of the oldest of them: none of the machines is older."""
        return min(backup.taken_at for backup in self.backups)

    @property
    def spread(self) -> timedelta:
        """How far apart they were taken."""
        return max(backup.taken_at for backup in self.backups) - self.origin

    @property
    def size(self) -> int | None:
        """Bytes of all of them; None where a provider does not say."""
        sizes = [backup.size for backup in self.backups]
        return None if None in sizes else sum(size or 0 for size in sizes)

    def as_json(self) -> dict[str, Any]:
        """Return what stands in the record as the recovery point."""
        return {
            "kind": "machines",
            "label": ", ".join(backup.identifier for backup in self.backups),
            "origin_time": format_instant(self.origin),
            "spread_seconds": self.spread.total_seconds(),
            "target_time": format_instant(self.target) if self.target else None,
            "machines": [
                {
                    "host": backup.host,
                    "backup": backup.identifier,
                    "place": backup.place,
                    "taken_at": format_instant(backup.taken_at),
                    "bytes": backup.size,
                    "verified": backup.verified,
                }
                for backup in self.backups
            ],
            **({"dated_into_the_future": [backup.identifier for backup in self.to_come]} if self.to_come else {}),
        }


def choose_backups(
    backups: Iterable[Backup], group: MachineGroup, point: PointRequest, seed: str, *, now: datetime
) -> Selection:
    """Choose for every host; raises InfrastructureError that names the hosts which have no such backup.

    ``latest`` is the newest of each; ``oldest`` the first moment at which there was one of each; ``random`` a moment between that and
    the newest, by ``seed``; ``time`` the newest not later than its target. What is later than the point's ``until`` is not seen, nor what
    is dated later than ``now``: its clock was wrong, or ours is. Only who names a ``time`` decides that himself.
    """
    found = [backup for backup in backups if backup.host in group.hosts]
    named = point.type is PointType.TIME
    to_come = () if named else tuple(backup for backup in found if is_to_come(backup.taken_at, now))
    sound = [backup for backup in found if backup not in to_come]
    _refuse_wrong_clocks(to_come, {backup.host for backup in sound}, group)
    seen = [backup for backup in sound if point.until is None or backup.taken_at <= point.until]
    by_host = {host: [backup for backup in seen if backup.host == host] for host in group.hosts}
    _refuse_missing([host for host, found in by_host.items() if not found], group, "there is no backup")
    moment = _moment(list(by_host.values()), point, seed)
    chosen = {
        host: [backup for backup in found if moment is None or backup.taken_at <= moment]
        for host, found in by_host.items()
    }
    _refuse_missing([host for host, found in chosen.items() if not found], group, f"there is no backup before {moment}")
    newest = tuple(max(found, key=lambda backup: backup.taken_at) for found in chosen.values())
    return Selection(newest, point.target_time or (moment if point.type is PointType.RANDOM else None), to_come)


def _moment(found: Sequence[Sequence[Backup]], point: PointRequest, seed: str) -> datetime | None:
    """The latest time that a chosen backup may have; None for the newest of each."""
    if point.type is PointType.TIME:
        return point.target_time
    complete = max(min(backup.taken_at for backup in of_host) for of_host in found)
    if point.type is PointType.OLDEST:
        return complete
    if point.type is PointType.RANDOM:
        moments = sorted({backup.taken_at for of_host in found for backup in of_host if backup.taken_at >= complete})
        return random.Random(seed).choice(moments)  # noqa: S311 - repeatable, and no secret
    return None


def _refuse_wrong_clocks(to_come: Sequence[Backup], hosts: set[str], group: MachineGroup) -> None:
    """Where all of a host's backups are from the future, it may be this clock that is wrong: that is said, and the way out."""
    only = sorted({backup.host for backup in to_come} - hosts)
    if only:
        latest = max(backup.taken_at for backup in to_come)
        raise InfrastructureError(
            f"all backups of {', '.join(only)} are dated into the future: this controller's clock or the provider's is wrong",
            where=f"group {group.name}",
            remedy=f"Correct that clock. To take them all the same, name the moment: --point time={format_instant(latest)}.",
        )


def _refuse_missing(hosts: Sequence[str], group: MachineGroup, why: str) -> None:
    if hosts:
        raise InfrastructureError(f"{why} of {', '.join(hosts)}", where=f"group {group.name}", remedy=_REMEDY)
