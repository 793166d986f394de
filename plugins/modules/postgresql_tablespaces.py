"""Tablespaces of a data directory: what a restore in place sets aside, puts back and gives up beside that directory."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENTATION = """
module: postgresql_tablespaces
short_description: Set the tablespaces of a data directory aside, put them back, or give them up
description:
  - Finds them by the links in C(pg_tblspc), so a data directory that was set aside still names its own. A location keeps the data of each
    major version in a directory of its own. That one is renamed where it lies, so no second file system is ever asked for.
  - What lies inside the data directory moves with it, and is passed over. Run it as the user that owns the data.
options:
  data_directory:
    description: Whose links are read. Nothing is done where it does not exist.
    type: path
    required: true
  version:
    description: Major version of the server.
    type: str
    required: true
  state:
    description:
      - C(found) only reads. C(aside) renames them. C(back) removes what lies in their place and renames them back.
      - C(absent) removes them; those that were set aside stay. C(given_up) removes those that were set aside.
      - What was aside before stays so with C(aside).
    type: str
    choices: [found, aside, back, absent, given_up]
    default: found
  replace:
    description: With C(aside), what lies in the place of one that was set aside before is a restore's, and is removed. Otherwise it is refused.
    type: bool
    default: false
author: drillbook
"""

RETURN = """
tablespaces:
  description: Paths of the locations.
  type: list
  elements: str
  returned: success
apart_bytes:
  description: What they take on other file systems than the data directory's.
  type: int
  returned: success
short:
  description: Locations on such a file system that has no room for a second copy of what lies there.
  type: list
  elements: str
  returned: success
"""

SUFFIX = ".before-restore"
BLOCK_BYTES = 512
"""Of st_blocks, whatever the file system's own (stat(2))."""


def locations(data_directory: Path) -> list[Path]:
    """Where the links of pg_tblspc lead to, without those into the directory itself and those into nothing."""
    inside = data_directory.resolve()
    try:
        links = [entry.resolve() for entry in (data_directory / "pg_tblspc").iterdir() if entry.is_symlink()]
    except FileNotFoundError:
        return []
    return sorted({place for place in links if place.is_dir() and not place.is_relative_to(inside)})


def in_use(location: Path, version: str) -> list[Path]:
    """Directories of the version there: one of each catalogue version, as PG_17_202406281."""
    return sorted(place for place in location.glob(f"PG_{version}_*") if not place.name.endswith(SUFFIX))


def kept(location: Path, version: str) -> list[Path]:
    """Those that were set aside."""
    return sorted(location.glob(f"PG_{version}_*{SUFFIX}"))


def aside(location: Path, version: str, *, replace: bool) -> bool:
    """Set aside what is there; raises FileExistsError where something was before, and what is there is not to be given up."""
    found = in_use(location, version)
    for place in found:
        target = place.with_name(place.name + SUFFIX)
        if not target.exists():
            place.rename(target)
        elif replace:
            shutil.rmtree(place)
        else:
            message = f"{target} is what an earlier restore set aside, and {place} has been in use since"
            raise FileExistsError(message)
    return bool(found)


def back(location: Path, version: str) -> bool:
    """Put back what was set aside, in the place of what lies there now."""
    found = kept(location, version)
    for place in found:
        target = place.with_name(place.name.removesuffix(SUFFIX))
        if target.exists():
            shutil.rmtree(target)
        place.rename(target)
    return bool(found)


def absent(location: Path, version: str) -> bool:
    """Remove what is there."""
    return _removed(in_use(location, version))


def given_up(location: Path, version: str) -> bool:
    """Remove what was set aside."""
    return _removed(kept(location, version))


def _removed(places: list[Path]) -> bool:
    for place in places:
        shutil.rmtree(place)
    return bool(places)


TOUCHED: dict[str, Callable[[Path, str], list[Path]]] = {
    "aside": in_use, "back": kept, "absent": in_use, "given_up": kept,
}  # fmt: skip
"""What each state has to do with: where there is none of it, nothing changes."""


def brought(location: Path, version: str, state: str, *, replace: bool) -> bool:
    """Bring one location into the state; returns whether that changed anything."""
    if state == "aside":
        return aside(location, version, replace=replace)
    acts: dict[str, Callable[[Path, str], bool]] = {"back": back, "absent": absent, "given_up": given_up}
    return acts[state](location, version)


def room(places: list[Path], version: str, data_directory: Path) -> dict[str, Any]:
    """What they take beside the data directory's file system, and where a second copy has no room; as RETURN says."""
    devices: dict[int, list[Path]] = {}
    for place in places:
        devices.setdefault(place.stat().st_dev, []).append(place)
    if places:
        devices.pop(data_directory.stat().st_dev, None)
    apart, short = 0, []
    for beside in devices.values():
        file_system = os.statvfs(beside[0])
        free, needed = file_system.f_bavail * file_system.f_frsize, 0
        for place in beside:
            now, before = taken(in_use(place, version)), taken(kept(place, version))
            # Beside what was set aside lies an unfinished restore's, which goes first.
            free, needed = (free + now, needed + before) if before else (free, needed + now)
        apart += needed
        short += [str(place) for place in beside] if free < needed else []
    return {"tablespaces": [str(place) for place in places], "apart_bytes": apart, "short": sorted(short)}


def taken(places: list[Path]) -> int:
    """Bytes on the disk below these."""
    files = (Path(folder, name) for place in places for folder, _, names in os.walk(place) for name in names)
    return BLOCK_BYTES * sum(_blocks(path) for path in files)


def _blocks(path: Path) -> int:
    """Blocks of a file; none where a running server has just removed it."""
    try:
        return path.lstat().st_blocks
    except FileNotFoundError:
        return 0


def main() -> None:
    """Do it, and answer Ansible."""
    module = AnsibleModule(
        argument_spec={
            "data_directory": {"type": "path", "required": True},
            "version": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["found", *TOUCHED], "default": "found"},
            "replace": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    data_directory, version, state = (
        Path(module.params["data_directory"]),
        module.params["version"],
        module.params["state"],
    )
    changed = False
    try:
        places = locations(data_directory)
        found = room(places, version, data_directory)
        for place in places if state != "found" else []:
            if module.check_mode:
                changed |= bool(TOUCHED[state](place, version))
            else:
                changed |= brought(place, version, state, replace=module.params["replace"])
    except OSError as error:
        module.fail_json(msg=f"tablespaces of {data_directory}: {error}")
    else:
        module.exit_json(changed=changed, **found)


if __name__ == "__main__":
    main()
