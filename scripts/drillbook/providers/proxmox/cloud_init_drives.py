"""Cloud-init drives that gone machines left: a restore makes a machine's own anew, under the very name that the old one has."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from drillbook.providers.proxmox.api import ProxmoxApi
from drillbook.providers.proxmox.archived import volume_of

_NAME = re.compile(r"(?:^|[:/])vm-(\d+)-cloudinit(?:\.\w+)?$")


def left_drives(api: ProxmoxApi, config: Mapping[str, Any], number: int, node: Callable[[], str]) -> tuple[str, ...]:
    """The drives in the way of a restore of this configuration, on the storages that it names; ``node`` says who is asked.

    One that a guest of that number names is in nobody's way: a restore over it removes it. A token is shown such volumes only with
    Datastore.Audit on the storage and VM.Config.Disk on the number; without them nothing is found.
    """
    storages = {volume.partition(":")[0] for line in config.values() if _NAME.search(volume := volume_of(str(line)))}
    asked = node() if storages else ""
    listed = [
        str(entry["volid"])
        for storage in sorted(storages)
        for entry in api.get(f"/nodes/{asked}/storage/{storage}/content", content="images", vmid=number)
    ]
    found = [volume for volume in listed if (name := _NAME.search(volume)) and int(name[1]) == number]
    named = _named(api, number) if found else frozenset()
    return tuple(volume for volume in found if volume not in named)


def _named(api: ProxmoxApi, number: int) -> frozenset[str]:
    """What a guest of that number names, where there is one."""
    for entry in api.get("/cluster/resources", type="vm"):
        if int(entry["vmid"]) == number:
            config = api.get(f"/nodes/{entry['node']}/{entry['id']}/config")
            return frozenset(volume_of(str(line)) for line in config.values())
    return frozenset()
