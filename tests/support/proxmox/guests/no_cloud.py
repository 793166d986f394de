"""The files on a guest's cloud-init drive of the format NoCloud, as qemu-server makes them of its configuration (QemuServer/Cloudinit.pm)."""

from __future__ import annotations

import hashlib
import ipaddress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import yaml
from tests.support.proxmox.guests.drives import NIC, nic_mac
from tests.support.proxmox.property_strings import read_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.proxmox.state import Config, Guest

NODE_RESOLVERS = ("192.0.2.53",)
"""In the node's resolv.conf: what a guest is given that names none. Nothing answers there."""


def no_cloud_files(guest: Guest) -> dict[str, str]:
    """File name -> content."""
    user = "#cloud-config\n" + yaml.safe_dump(_user_data(guest), sort_keys=False)
    network = yaml.safe_dump(_network(guest.config), sort_keys=False)
    digest = hashlib.sha1((user + network).encode(), usedforsecurity=False).hexdigest()
    return {
        "user-data": user,
        "network-config": network,
        "meta-data": f"instance-id: {digest}\n",
        "vendor-data": "",
    }


def _user_data(guest: Guest) -> dict[str, Any]:
    name = str(guest.config.get("name") or f"VM{guest.vmid}")
    host, dot, _domain = name.partition(".")
    search = guest.config.get("searchdomain")
    data: dict[str, Any] = {
        "hostname": host,
        "manage_etc_hosts": True,
        "fqdn": f"{name}.{search}" if search and not dot else name,
    }
    user = guest.config.get("ciuser")
    if user:
        data["user"] = user
    if user == "root":
        data["disable_root"] = False
    if "cipassword" in guest.config:
        data["password"] = guest.config["cipassword"]
    if "sshkeys" in guest.config:
        keys = unquote(str(guest.config["sshkeys"])).split("\n")
        data["ssh_authorized_keys"] = [key for key in keys if key.strip()]
    data["chpasswd"] = {"expire": False}
    if user != "root":
        data["users"] = ["default"]
    if guest.config.get("ciupgrade", 1):
        data["package_upgrade"] = True
    return data


def _network(config: Config) -> dict[str, Any]:
    cards = sorted(key for key in config if NIC.match(key) and config.get(f"ipconfig{key[3:]}"))
    entries: list[dict[str, Any]] = [
        {
            "type": "physical",
            "name": f"eth{key[3:]}",
            "mac_address": nic_mac(str(config[key])).lower(),
            "subnets": list(_subnets(read_options(str(config[f"ipconfig{key[3:]}"])))),
        }
        for key in cards
    ]
    resolvers: dict[str, Any] = {"type": "nameserver"}
    resolvers["address"] = str(config["nameserver"]).split() if "nameserver" in config else list(NODE_RESOLVERS)
    if "searchdomain" in config:
        resolvers["search"] = str(config["searchdomain"]).split()
    return {"version": 1, "config": [*entries, resolvers]}


def _subnets(options: dict[str, str]) -> Iterator[dict[str, str]]:
    address = options.get("ip")
    if address == "dhcp":
        yield {"type": "dhcp4"}
    elif address:
        interface = ipaddress.IPv4Interface(address)
        subnet = {"type": "static", "address": str(interface.ip), "netmask": str(interface.netmask)}
        yield subnet | ({"gateway": options["gw"]} if "gw" in options else {})
    address = options.get("ip6")
    if address in {"dhcp", "auto"}:
        yield {"type": "dhcp6" if address == "dhcp" else "ipv6_slaac"}
    elif address:
        yield {"type": "static6", "address": address} | ({"gateway": options["gw6"]} if "gw6" in options else {})
