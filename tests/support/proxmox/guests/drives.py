"""The lines of a guest's configuration that name disks and network cards."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator
from typing import Any

from tests.support.proxmox.engine import Engine
from tests.support.proxmox.property_strings import read_options, write_options
from tests.support.proxmox.state import GIBIBYTE, Config, Guest, Volume
from tests.support.proxmox.storage.volumes import find_volume

_QEMU = re.compile(r"^(scsi|virtio|sata|ide)\d+$|^(efidisk0|tpmstate0)$")
_LXC = re.compile(r"^rootfs$|^mp\d+$")
NIC = re.compile(r"^net\d+$")
UNUSED = re.compile(r"^unused\d+$")
# The order in which a guest finds its disks; the first is its root.
_ORDER = ("rootfs", "scsi", "virtio", "sata", "ide", "mp", "efidisk", "tpmstate")
_MODELS = frozenset({"virtio", "e1000", "e1000e", "rtl8139", "vmxnet3", "ne2k_pci", "pcnet"})
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": GIBIBYTE, "T": 1 << 40}


def is_drive(kind: str, key: str) -> bool:
    """Say whether a key of the configuration can hold a disk."""
    return bool((_QEMU if kind == "qemu" else _LXC).match(key))


def volume_id(line: str) -> str:
    """Return what a drive's line names: a volume id, or `none`, `cdrom`, `STORAGE:SIZE`."""
    options = read_options(line)
    return options.get("") or options.get("file") or options.get("volume") or ""


def is_cdrom(line: str) -> bool:
    """Say whether a drive is a CD drive."""
    return read_options(line).get("media") == "cdrom" or volume_id(line) in {"none", "cdrom"}


def is_cloud_init(line: str) -> bool:
    """Say whether a drive holds the generated cloud-init data."""
    return "cloudinit" in volume_id(line)


def drives(kind: str, config: Config) -> Iterator[tuple[str, str]]:
    """Go through the disks, root first; CD drives and unused volumes are none."""
    found = [(key, str(line)) for key, line in config.items() if is_drive(kind, key) and not is_cdrom(str(line))]
    yield from sorted(found, key=lambda pair: (_rank(pair[0]), pair[0]))


def _rank(key: str) -> int:
    return next((position for position, prefix in enumerate(_ORDER) if key.startswith(prefix)), len(_ORDER))


def disks(engine: Engine, guest: Guest, config: Config | None = None) -> Iterator[tuple[str, Volume]]:
    """Go through a guest's disks with their volumes."""
    for key, line in drives(guest.kind, guest.config if config is None else config):
        volume = find_volume(engine, guest.node, volume_id(line))
        if volume is not None:
            yield key, volume


def parse_size(text: str) -> int:
    """Read `32G`; a bare number is bytes."""
    unit = _UNITS.get(text[-1:].upper())
    return int(float(text[:-1]) * unit) if unit else int(text)


def write_size(size: int) -> str:
    """Write a size as the configuration does: the largest unit that divides it."""
    for unit in ("T", "G", "M", "K"):
        if size % _UNITS[unit] == 0 and size >= _UNITS[unit]:
            return f"{size // _UNITS[unit]}{unit}"
    return str(size)


def new_mac(engine: Engine) -> str:
    """Invent a MAC address below the cluster's prefix."""
    prefix = str(engine.state.options.get("mac_prefix", "BC:24:11"))
    return prefix + "".join(f":{secrets.randbelow(256):02X}" for _ in range(3))


def complete_nic(engine: Engine, kind: str, line: str, *, fresh: bool = False) -> str:
    """Give a network card its MAC address; `fresh` replaces the one that it has."""
    options = read_options(line)
    if kind == "lxc":
        if fresh or "hwaddr" not in options:
            options["hwaddr"] = new_mac(engine)
        options.setdefault("type", "veth")
        return write_options(options)
    model = (
        next((name for name in options if name in _MODELS), None)
        or options.pop("model", None)
        or options.pop("", "virtio")
    )
    mac = options.pop(model, None) or options.pop("macaddr", None)
    return write_options({model: new_mac(engine) if fresh or not mac else mac, **options})


def nic_mac(line: str) -> str:
    """Return a network card's MAC address."""
    options = read_options(line)
    return next((options[key] for key in ("hwaddr", "macaddr", *_MODELS) if key in options), "")


def digest(config: Config) -> str:
    """Return the checksum by which a client says which configuration it read."""
    return hashlib.sha1(render(config).encode(), usedforsecurity=False).hexdigest()


def render(config: Config) -> str:
    """Write a configuration as its file does."""
    return "".join(f"{key}: {value}\n" for key, value in sorted(config.items()))


def plain(config: Config) -> dict[str, Any]:
    """Copy a configuration."""
    return dict(config)
