"""What the configuration in a backup of Proxmox VE says of disks and devices."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LINE = re.compile(r"^([a-z][a-z0-9_-]*): *(.*?) *$", re.MULTILINE)
# A restore comments out what no backup holds; its own lines (#qmdump#map) begin otherwise, and in a description a colon is encoded.
_DISK = re.compile(r"^#?((?:ide|sata|scsi|virtio|efidisk|tpmstate)\d+): *(\S+)", re.MULTILINE)
_DEVICE = re.compile(r"^(hostpci|usb|virtiofs|rng)\d+$")
_UNUSED = re.compile(r"^unused\d+$")
_SPICE = "spice"
_HARDWARE_RNG = "/dev/hwrng"
_MAPPINGS = {"hostpci": "pci", "usb": "usb"}


@dataclass(frozen=True, slots=True)
class Devices:
    """What a machine has of its node: by ``raw`` what only root may restore; by ``mapped`` the path whose Mapping.Use it needs, by key."""

    raw: tuple[str, ...]
    mapped: Mapping[str, str]


def present_config(text: str) -> dict[str, str]:
    """The keys of a configuration's text; sections behind it are its snapshots'."""
    return dict(_LINE.findall(_present(text)))


def disks_of(text: str) -> dict[str, str]:
    """The disks of a configuration's text with their lines, those that were commented out among them; CD drives are none."""
    return {key: line for key, line in _DISK.findall(_present(text)) if "media=cdrom" not in line.split(",")}


def devices_of(config: Mapping[str, Any]) -> Devices:
    """What a restore of this configuration passes through, as Proxmox VE's own check goes through it."""
    raw, mapped = [], {}
    for key, value in sorted(config.items()):
        found = _DEVICE.match(key)
        if found:
            path = _mapping(found[1], str(value))
            if path is None:
                raw.append(f"{key} ({value})")
            elif path:
                mapped[key] = path
    return Devices(tuple(raw), mapped)


def left_behind(text: str, config: Mapping[str, Any], number: str) -> tuple[str, ...]:
    """Which disks the configuration in a backup names and the restored one does not, each with what brings it back."""
    unused = {volume_of(str(value)): key for key, value in config.items() if _UNUSED.match(key)}
    said = []
    for key, line in sorted(disks_of(text).items()):
        if key in config:
            continue
        volume = volume_of(line)
        attach = f"`qm set {number} --{key} {line}`"
        if volume in unused:
            said.append(f"{key} was in no backup: it is {unused[volume]}; attach it by {attach}")
        elif volume.startswith("/"):
            said.append(f"{key} was in no backup: it is {volume} of the node; attach it as root by {attach}")
        else:
            said.append(f"{key} was in no backup, and its disk {volume} is gone: make it anew, and fill it")
    return tuple(said)


def _present(text: str) -> str:
    return text.partition("\n[")[0]


def _mapping(kind: str, line: str) -> str | None:
    """The path of its mapping; "" where it has nothing of the node, None where it has that without a mapping."""
    options = dict(part.partition("=")[::2] if "=" in part else ("", part) for part in line.split(","))
    first = options.get("", "")
    if kind == "virtiofs":
        return f"/mapping/dir/{options.get('dirid', first)}"
    if kind == "rng":
        return "/mapping/hwrng" if options.get("source", first) == _HARDWARE_RNG else ""
    if options.get("mapping"):
        return f"/mapping/{_MAPPINGS[kind]}/{options['mapping']}"
    return "" if options.get("host", first).lower() == _SPICE else None


def volume_of(line: str) -> str:
    """The volume of a drive's line."""
    return line.partition(",")[0].removeprefix("file=")
