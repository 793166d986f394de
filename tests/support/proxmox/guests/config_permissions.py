"""Who may set which key of a guest's configuration: the checks that stand in Proxmox VE's code, not in its schema."""

from __future__ import annotations

import re

from tests.support.proxmox.access.privileges import normalise
from tests.support.proxmox.calls import Call
from tests.support.proxmox.errors import PveError, forbid
from tests.support.proxmox.guests.drives import NIC, UNUSED, is_cdrom, is_cloud_init, is_drive, volume_id
from tests.support.proxmox.property_strings import read_options
from tests.support.proxmox.state import Config
from tests.support.proxmox.storage.access import check_volume_access

_CPU = {"cores", "cpu", "cpulimit", "cpuunits", "numa", "smp", "sockets", "vcpus"}
_MEMORY = {"balloon", "hugepages", "memory", "shares", "swap"}
_HARDWARE = {
    "acpi",
    "hotplug",
    "kvm",
    "machine",
    "scsihw",
    "smbios1",
    "tablet",
    "vga",
    "watchdog",
    "audio0",
    "bios",
    "rng0",
}
_OPTIONS = {
    "agent",
    "autostart",
    "description",
    "keyboard",
    "localtime",
    "migrate_downtime",
    "migrate_speed",
    "name",
    "onboot",
    "ostype",
    "protection",
    "reboot",
    "startdate",
    "startup",
    "tdf",
    "template",
    "spice_enhancements",
    "vmgenid",
}
_DISK = {"boot", "bootdisk", "vmstatestorage"}
_CLOUD_INIT = {"cicustom", "cipassword", "citype", "ciuser", "ciupgrade", "nameserver", "searchdomain", "sshkeys"}
_LXC_NETWORK = {"nameserver", "searchdomain", "hostname"}


def need_on_guest(call: Call, vmid: int, pool: str | None, *privileges: str, any_of: bool = False) -> None:
    """Refuse where the caller lacks the privileges on both the guest and the pool that it is to join."""
    if pool and call.may(f"/pool/{pool}", *privileges, any_of=any_of):
        return
    call.need(f"/vms/{vmid}", *privileges, any_of=any_of)


def check_keys(call: Call, vmid: int, pool: str | None, config: Config, removed: set[str] | None = None) -> None:
    """Refuse the first key that the caller may not set or remove."""
    if call.who.is_root:
        return
    for key in sorted(set(config) | (removed or set())):
        needed = _privileges_for(call.kind, key, str(config.get(key, "")))
        if needed:
            need_on_guest(call, vmid, pool, *needed, any_of=len(needed) > 1)
        if key == "startup":  # it changes how the host starts all its guests
            call.need("/", "Sys.Modify")


def _privileges_for(kind: str, key: str, value: str) -> tuple[str, ...]:
    """Return the privileges that a key asks for; any of several will do."""
    if is_drive(kind, key) or UNUSED.match(key) or key in _DISK:
        return ("VM.Config.CDROM",) if is_cdrom(value) and not is_cloud_init(value) else ("VM.Config.Disk",)
    if key in _CPU or re.match(r"^numa\d+$", key):
        return ("VM.Config.CPU",)
    if key in _MEMORY:
        return ("VM.Config.Memory",)
    if NIC.match(key) or (kind == "lxc" and key in _LXC_NETWORK):
        return ("VM.Config.Network",)
    if key == "tags":
        return ("VM.Config.Options",)
    return _container_privileges(key) if kind == "lxc" else _machine_privileges(key, value)


def _machine_privileges(key: str, value: str) -> tuple[str, ...]:
    if key in _HARDWARE or (key.startswith("serial") and value in {"", "socket"}):
        return ("VM.Config.HWType",)
    if key in _OPTIONS:
        return ("VM.Config.Options",)
    if key in _CLOUD_INIT or key.startswith("ipconfig"):
        return ("VM.Config.Cloudinit", "VM.Config.Network")
    if key == "freeze":
        return ("VM.PowerMgmt",)
    raise PveError(f"only root can set '{key}' config")


def _container_privileges(key: str) -> tuple[str, ...]:
    if key == "hookscript":
        raise forbid("changing the hookscript is only allowed for root@pam")
    if key == "features":
        return ("VM.Allocate",)
    return ("VM.Config.Options",)


def check_disk_sources(call: Call, vmid: int, config: Config, default_storage: str | None = None) -> None:
    """Refuse a disk on a storage where the caller may not allocate, and a volume that is somebody else's."""
    for key, line in config.items():
        if not is_drive(call.kind, key):
            continue
        named = volume_id(str(line))
        if named in {"none", "cdrom"}:
            continue
        storage, _, rest = named.partition(":")
        if re.fullmatch(r"\d+(\.\d+)?|cloudinit", rest):
            call.need(f"/storage/{storage or default_storage}", "Datastore.AllocateSpace")
        else:
            check_volume_access(call, named, vmid, "iso" if is_cdrom(str(line)) else "images")


def check_bridges(call: Call, config: Config) -> None:
    """Refuse a network card on a bridge, or a VLAN of it, that the caller may not use."""
    if call.who.is_root:
        return
    for key, line in sorted(config.items()):
        if NIC.match(key):
            check_bridge(call, str(line))


def check_devices(call: Call, config: Config) -> None:
    """Refuse a device of the node that root alone may pass through, or a mapped one that the caller may not use."""
    if call.who.is_root:
        return
    for key, line in sorted(config.items()):
        options = read_options(str(line))
        kind = key.rstrip("0123456789")
        if kind in {"hostpci", "usb"} and not options.get("mapping"):
            real = options.get("host") or options.get("")
            if real and real.lower() != "spice":
                what = "non-mapped" if kind == "hostpci" else "real"
                raise PveError(f"only root can set '{key}' config for {what} devices")
        name = {
            "hostpci": f"pci/{options.get('mapping')}",
            "usb": f"usb/{options.get('mapping')}",
            "virtiofs": f"dir/{options.get('dirid') or options.get('')}",
            "rng": "hwrng",
        }.get(kind)
        used = options.get("mapping") or kind == "virtiofs" or (kind == "rng" and _source(options) == "/dev/hwrng")
        if name and used:
            call.need(f"/mapping/{name}", "Mapping.Use")


def _source(options: dict[str, str]) -> str | None:
    return options.get("source") or options.get("")


def check_bridge(call: Call, line: str) -> None:
    """Check one network card."""
    options = read_options(line)
    bridge = options.get("bridge")
    if not bridge:
        return
    zone = call.state.section("vnets").get(bridge, {}).get("zone", "localnetwork")
    path = normalise(f"/sdn/zones/{zone}/{bridge}")
    if options.get("tag"):
        call.need(f"{path}/{options['tag']}", "SDN.Use")
    elif options.get("trunks"):
        for trunk in options["trunks"].split(";"):
            call.need(f"{path}/{trunk}", "SDN.Use")
    else:
        call.need(path, "SDN.Use")
