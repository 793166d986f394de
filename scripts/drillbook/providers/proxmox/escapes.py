"""Settings of a Proxmox VE guest that act on its node, or lead out beside its network cards."""

import re
from collections.abc import Mapping
from typing import Any

# A program on the node at each start and stop; words for QEMU itself; memory that is shared with others; directories, devices and ports of the node.
_OUTSIDE = re.compile(r"^(?:hookscript|args|ivshmem|(?:virtiofs|hostpci|usb|serial|parallel)\d+)$")
_INSIDE = re.compile(r"serial\d+: socket|usb\d+: (?:host=)?spice(?:,.*)?", re.IGNORECASE)


def escapes_in(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of a configuration, as ``key: value``. A serial port that is a socket and a SPICE redirection end at Proxmox VE itself."""
    lines = [f"{key}: {value}" for key, value in sorted(config.items()) if _OUTSIDE.match(key)]
    return tuple(line for line in lines if not _INSIDE.fullmatch(line))
