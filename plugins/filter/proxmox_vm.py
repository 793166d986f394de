"""What a machine on Proxmox VE lacks: its configuration, as the API tells it, compared with what the inventory declares."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_UNITS = {"K": 1 / (1 << 20), "M": 1 / (1 << 10), "G": 1.0, "T": 1024.0}


def options(line: str) -> dict[str, str]:
    """A line such as ``virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=7`` by its names; a part without one is left out."""
    return dict(part.split("=", 1) for part in str(line).split(",") if "=" in part)


def size_gib(line: str) -> float:
    """The size of a disk's line in GiB; 0 where the line has none."""
    text = options(line).get("size", "0")
    unit = _UNITS.get(text[-1:])
    return float(text[:-1]) * unit if unit else float(text) / (1 << 30)


def proxmox_vm_changes(config: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What to call for: `settings` (arguments of proxmox_kvm), `cards`, `new_disks`, `grown_disks`; `shrunk` says what is refused.

    `before` and `after` hold the same for a person to read. An empty configuration is that of a machine that is not there.
    """
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    for name, (present, declared, argument) in _settings(config, wanted).items():
        if present != declared:
            settings[name] = argument
            after[name] = declared
            if config:
                before[name] = present
    addresses: dict[str, str] = {}
    cards: list[dict[str, Any]] = []
    for number, network in enumerate(wanted["networks"]):
        _compare_address(config, number, network, addresses, before, after)
        _compare_card(config, number, network, cards, before, after)
    if addresses:
        settings["ipconfig"] = addresses
    new, grown, shrunk = _compare_disks(config, wanted["disks"], before, after)
    return {
        "before": before,
        "after": after,
        "settings": settings,
        "cards": cards,
        "new_disks": new,
        "grown_disks": grown,
        "shrunk": shrunk,
    }


def _settings(config: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, tuple[Any, Any, Any]]:
    """By argument of proxmox_kvm: what is there, what is declared, and how the module wants it. Empty ones are not managed."""
    keys = [key.strip() for key in wanted["ssh_keys"]]
    tags = sorted(set(wanted["tags"]))
    memory = str(config.get("memory", 0))
    agent = str(config.get("agent", "0")).split(",", maxsplit=1)[0] in {"1", "enabled=1"}
    found: dict[str, tuple[Any, Any, Any]] = {
        "cores": (int(config.get("cores", 1)), int(wanted["cores"]), int(wanted["cores"])),
        "memory": (int(options(memory).get("current", memory)), int(wanted["memory"]), int(wanted["memory"])),
        "onboot": (bool(int(config.get("onboot", 0))), bool(wanted["onboot"]), bool(wanted["onboot"])),
        "agent": (agent, True, "enabled=1"),
        "tags": (sorted(filter(None, re.split("[;, ]", str(config.get("tags", ""))))), tags, tags),
        "ciuser": (config.get("ciuser", ""), wanted["user"], wanted["user"]),
        # Left out it is on: packages would change at the first boot, which a drill's copy has, too.
        "ciupgrade": (bool(int(config.get("ciupgrade", 1))), False, False),
        "sshkeys": (unquote(str(config.get("sshkeys", ""))).strip().splitlines(), keys, "\n".join(keys)),
    }
    if wanted["description"]:
        text = str(wanted["description"]).rstrip()
        found["description"] = (str(config.get("description", "")).rstrip(), text, text)
    if wanted["nameservers"]:
        servers = list(wanted["nameservers"])
        found["nameservers"] = (str(config.get("nameserver", "")).split(), servers, servers)
    return found


def _compare_address(
    config: Mapping[str, Any],
    number: int,
    network: Mapping[str, Any],
    addresses: dict[str, str],
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    key = f"ipconfig{number}"
    declared = {"ip": network.get("address", "dhcp")} | ({"gw": network["gateway"]} if network.get("gateway") else {})
    line = ",".join(f"{name}={value}" for name, value in declared.items())
    if options(config.get(key, "")) != declared:
        addresses[key] = after[key] = line
        if key in config:
            before[key] = config[key]


def _compare_card(
    config: Mapping[str, Any],
    number: int,
    network: Mapping[str, Any],
    cards: list[dict[str, Any]],
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    key = f"net{number}"
    present = options(config.get(key, ""))
    there = {
        "bridge": present.get("bridge", ""),
        "tag": int(present.get("tag", 0)),
        "firewall": present.get("firewall", "0") == "1",
    }
    declared = {
        "bridge": network["bridge"],
        "tag": int(network.get("tag", 0)),
        "firewall": bool(network.get("firewall", False)),
    }
    if key not in config or there != declared:
        cards.append({"interface": key, **declared})
        after[key] = declared
        if key in config:
            before[key] = there


def _compare_disks(
    config: Mapping[str, Any], disks: list[Mapping[str, Any]], before: dict[str, Any], after: dict[str, Any]
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]], list[str]]:
    new, grown, shrunk = [], [], []
    for disk in disks:
        key, declared = disk["disk"], float(disk["size_gib"])
        present = size_gib(config[key]) if key in config else 0.0
        if present == declared:
            continue
        if declared < present:
            shrunk.append(f"{key} has {present:g} GiB and is declared with {declared:g} GiB")
            continue
        (grown if key in config else new).append(disk)
        after[key] = f"{declared:g} GiB"
        if key in config:
            before[key] = f"{present:g} GiB"
    return new, grown, shrunk


def proxmox_vm_sibling(variables: Mapping[str, Any]) -> dict[str, Any]:
    """What one host's variables say about where its machine is to be; one that is to be removed is on no node."""
    present = variables.get("proxmox_vm_state", "present") == "present"
    return {
        "name": variables.get("proxmox_vm_name", variables["inventory_hostname"]),
        "vmid": int(variables["proxmox_vm_vmid"]),
        "node": variables.get("proxmox_vm_node", "") if present else "",
        "group": variables.get("proxmox_vm_anti_affinity_group", "") if present else "",
    }


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"proxmox_vm_changes": proxmox_vm_changes, "proxmox_vm_sibling": proxmox_vm_sibling}
