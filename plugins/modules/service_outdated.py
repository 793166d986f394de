"""Whether a service still runs what its packages no longer hold."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ansible.module_utils.basic import AnsibleModule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DOCUMENTATION = """
module: service_outdated
short_description: Ask whether a running service is older than its files
description:
  - A package that is updated while its service runs changes nothing until that service is started again. The same goes for a library
    that an unattended update has replaced.
  - Compares what the processes of a unit have in their memory with what is on disk. Needs root. It only reads.
  - The unit's own files count, too, as systemd applies them when it starts the service.
  - What the main process has started does not count by itself. An archive command, for one, may still run from before.
options:
  unit:
    description: The systemd unit.
    type: str
    required: true
  packages:
    description: Packages that it must be younger than. That is for programs which an interpreter runs; what is mapped tells by itself.
    type: list
    elements: str
    default: []
  programs:
    description: Programs of the unit whose processes count beside its main process.
    type: list
    elements: path
    default: []
  files:
    description: Further files that it must be younger than, as it reads them at its start alone. That is for its authorities, for one.
    type: list
    elements: path
    default: []
  reloaded:
    description: A reload starts its program anew. Then the unit's own files do not count, as a reload does not apply them.
    type: bool
    default: false
author: drillbook
"""

RETURN = """
outdated:
  description: Whether a restart would bring another program, or another library.
  type: bool
  returned: success
why:
  description: What is older, in words; empty where nothing is, or where the unit does not run.
  type: list
  elements: str
  returned: success
"""

# /dev/zero, memfd, System V segments and temporary files are deleted by design.
PLACES = ("/usr/", "/lib/", "/lib64/", "/bin/", "/sbin/", "/opt/")
DELETED = " (deleted)"


class UnansweredError(Exception):
    """systemd did not say what there is to know of the unit."""


def mapped_and_gone(maps: str) -> set[str]:
    """The files that a process has mapped and that are not on disk any more, of ``/proc/PID/maps``."""
    paths = (
        line.split(maxsplit=5)[5] for line in maps.splitlines() if line.endswith(DELETED) and len(line.split()) > 5
    )
    return {path.removesuffix(DELETED) for path in paths if path.startswith(PLACES)}


def control_group(text: str) -> str | None:
    """systemd's group of a process, of ``/proc/PID/cgroup``; its path is the same for all processes of a unit."""
    found = re.search(r"^(?:\d+:name=systemd|0:):(/.+)$", text, re.MULTILINE)
    return found[1] if found else None


def read(path: Path) -> str:
    """The file's text; empty for a process that has ended."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def program(folder: Path) -> str:
    """What a process runs, on disk or not any more; empty for one that has ended."""
    try:
        return str((folder / "exe").readlink()).removesuffix(DELETED)
    except (FileNotFoundError, ProcessLookupError):
        return ""


def processes(main: int, programs: Iterable[str], proc: Path) -> Iterator[Path]:
    """The folders of a unit's main process, and of those of its other processes that run one of the programs."""
    yield proc / str(main)
    group = control_group(read(proc / str(main) / "cgroup"))
    for folder in proc.iterdir():
        if (
            folder.name.isdecimal()
            and group
            and program(folder) in programs
            and control_group(read(folder / "cgroup")) == group
        ):
            yield folder


def replaced(folders: Iterable[Path]) -> list[str]:
    """What the processes of these folders have mapped and the disk does not hold any more, in words."""
    return [
        f"{path} was replaced"
        for path in sorted({path for each in folders for path in mapped_and_gone(read(each / "maps"))})
    ]


def younger(packages: Iterable[str], started: float, dpkg: Path) -> list[str]:
    """Which packages are younger than a process, in words.

    Args:
        packages: their names
        started: when the process was started, in seconds since 1970
        dpkg: where dpkg keeps a list of each package's files, which it writes anew with each version

    """
    why = []
    for name in packages:
        lists = [*dpkg.glob(f"{name}.list"), *dpkg.glob(f"{name}:*.list")]
        if any(path.stat().st_mtime > started for path in lists):
            why.append(f"{name} is younger than the process")
    return why


def changed(files: Iterable[str], started: float) -> list[str]:
    """Which of a unit's files were written after a process was started, in words."""
    return [f"{path} has changed" for path in files if Path(path).exists() and Path(path).stat().st_mtime > started]


class Shown(NamedTuple):
    """The main process of a unit (0 where it does not run), when it was started, in seconds since 1970, and the unit's files."""

    process: int
    started: float
    files: list[str]


def shown(unit: str) -> Shown:
    """What systemd says of a unit."""
    properties = "MainPID,ExecMainStartTimestamp,FragmentPath,DropInPaths"
    asked = ["systemctl", "show", "--timestamp=unix", f"--property={properties}", unit]
    ended = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=30)
    values = dict(line.split("=", 1) for line in ended.stdout.splitlines() if "=" in line)
    if ended.returncode or "MainPID" not in values:
        message = f"systemd does not answer about {unit}: {ended.stderr.strip() or ended.stdout.strip()}"
        raise UnansweredError(message)
    files = [values.get("FragmentPath", ""), *values.get("DropInPaths", "").split()]
    started = float(values.get("ExecMainStartTimestamp", "").removeprefix("@") or 0)
    return Shown(int(values["MainPID"]), started, [path for path in files if path])


def main() -> None:
    """Ask, and answer Ansible."""
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "str", "required": True},
            "packages": {"type": "list", "elements": "str", "default": []},
            "programs": {"type": "list", "elements": "path", "default": []},
            "files": {"type": "list", "elements": "path", "default": []},
            "reloaded": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    unit: str = module.params["unit"]
    why: list[str] = []
    try:
        service = shown(unit)
        if service.process:
            proc = Path("/proc")
            why = replaced(processes(service.process, module.params["programs"], proc))
            why += younger(module.params["packages"], service.started, Path("/var/lib/dpkg/info"))
            units = [] if module.params["reloaded"] else service.files
            why += changed([*units, *module.params["files"]], service.started)
    except (UnansweredError, OSError, subprocess.TimeoutExpired) as error:
        module.fail_json(msg=str(error))
    else:
        module.exit_json(changed=False, outdated=bool(why), why=why)


if __name__ == "__main__":
    main()
