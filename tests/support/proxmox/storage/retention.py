"""Which backups a retention keeps."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.support.proxmox.property_strings import read_options
from tests.support.proxmox.state import Volume

# The name of a period and how two backups are told to lie in the same one.
_PERIODS = (
    ("keep-hourly", "%Y/%m/%d/%H"),
    ("keep-daily", "%Y/%m/%d"),
    ("keep-weekly", "%G/%V"),
    ("keep-monthly", "%Y/%m"),
    ("keep-yearly", "%Y"),
)


def mark_backups(volumes: list[Volume], retention: str) -> dict[str, str]:
    """Say of each backup whether it is kept, removed or protected; protected ones take no other's place."""
    marks: dict[str, str] = {}
    groups: dict[tuple[str, int | None], list[Volume]] = {}
    for volume in sorted(volumes, key=lambda one: -one.ctime):
        if volume.protected:
            marks[volume.volid] = "protected"
        else:
            kind = volume.archive.kind if volume.archive else "unknown"
            groups.setdefault((kind, volume.vmid), []).append(volume)
    keep = {name: int(value) for name, value in read_options(retention).items() if value.isdigit()}
    for group in groups.values():
        marks |= _mark_group(group, keep)
    return marks


def _mark_group(group: list[Volume], keep: dict[str, int]) -> dict[str, str]:
    """Mark one guest's backups, newest first: each option keeps what the ones before it have not."""
    if keep.get("keep-all") or not any(keep.values()):
        return {volume.volid: "keep" for volume in group}
    kept = [volume.volid for volume in group[: keep.get("keep-last", 0)]]
    for option, form in _PERIODS:
        already = {_period(volume, form) for volume in group if volume.volid in kept}
        seen: set[str] = set()
        for volume in group:
            period = _period(volume, form)
            if volume.volid in kept or period in already or period in seen or len(seen) >= keep.get(option, 0):
                continue
            seen.add(period)
            kept.append(volume.volid)
    return {volume.volid: "keep" if volume.volid in kept else "remove" for volume in group}


def _period(volume: Volume, form: str) -> str:
    return datetime.fromtimestamp(volume.ctime, UTC).strftime(form)
