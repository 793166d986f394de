"""The nodes: what they are, their clocks and their networks."""

from __future__ import annotations

import time
from typing import Any

from tests.support.proxmox.calls import Call, Reply, handles
from tests.support.proxmox.errors import PveError, refuse_parameters
from tests.support.proxmox.state import GIBIBYTE, Config, Node
from tests.support.proxmox.tasks import Task

VERSION = {"release": "9.0", "version": "9.0.11", "repoid": "3bf5476b8a4699e2"}
_INTERFACE_ORDER = ("vmbr", "bond", "eno")
_NOT_KEPT = frozenset({"node", "iface", "delete"})


@handles("GET", "/version")
@handles("GET", "/nodes/{node}/version")
def version(_call: Call) -> Any:
    """Return the version."""
    return dict(VERSION)


def online(call: Call, name: str) -> bool:
    """Say whether a node takes part in the cluster."""
    return name not in call.engine.faults.offline


def node_entry(call: Call, node: Node) -> dict[str, Any]:
    """Return a node as lists show it; of one that is away only the name is known."""
    entry: dict[str, Any] = {
        "id": f"node/{node.name}",
        "node": node.name,
        "type": "node",
        "status": "online" if online(call, node.name) else "offline",
    }
    if entry["status"] == "online":
        entry |= {
            "cpu": 0.05,
            "maxcpu": node.cores,
            "mem": node.memory // 4,
            "maxmem": node.memory,
            "disk": node.disk // 5,
            "maxdisk": node.disk,
            "uptime": int(time.time() - node.started) + 1,
            "level": "",
        }
    return entry


@handles("GET", "/nodes")
def list_nodes(call: Call) -> Any:
    """Return all nodes; figures are for those who may audit them."""
    listed = []
    for node in call.state.nodes.values():
        entry = node_entry(call, node) | {"ssl_fingerprint": ":".join(["00"] * 32)}
        if not call.may(f"/nodes/{node.name}", "Sys.Audit"):
            entry = {key: entry[key] for key in ("id", "node", "type", "status", "ssl_fingerprint")}
        listed.append(entry)
    return listed


@handles("GET", "/nodes/{node}")
def node_index(_call: Call) -> Any:
    """Return what stands below a node."""
    return [
        {"name": name} for name in ("lxc", "network", "qemu", "status", "storage", "tasks", "time", "version", "vzdump")
    ]


@handles("GET", "/nodes/{node}/status")
def node_status(call: Call) -> Any:
    """Return a node's figures."""
    node = call.state.nodes[call.node]
    return {
        "boot-info": {"mode": "legacy-bios"},
        "cpu": 0.05,
        "cpuinfo": {
            "cores": node.cores,
            "cpus": node.cores,
            "flags": "",
            "hvm": "1",
            "mhz": "",
            "model": "",
            "sockets": 1,
            "user_hz": 100,
        },
        "current-kernel": {"machine": "x86_64", "release": "6.14.8-2-pve", "sysname": "Linux", "version": "#1 SMP"},
        "idle": 0,
        "ksm": {"shared": 0},
        "kversion": "Linux 6.14.8-2-pve",
        "loadavg": ["0.10", "0.10", "0.10"],
        "memory": {
            "available": node.memory // 2,
            "free": node.memory // 2,
            "total": node.memory,
            "used": node.memory // 2,
        },
        "pveversion": f"pve-manager/{VERSION['version']}/{VERSION['repoid']}",
        "rootfs": {"avail": node.disk // 2, "free": node.disk // 2, "total": node.disk, "used": node.disk // 2},
        "swap": {"free": 0, "total": 0, "used": 0},
        "uptime": int(time.time() - node.started) + 1,
        "wait": 0,
    }


@handles("GET", "/nodes/{node}/time")
def node_time(call: Call) -> Any:
    """Return a node's clock."""
    return {"time": call.state.now(), "localtime": call.state.now(), "timezone": call.state.nodes[call.node].timezone}


@handles("GET", "/nodes/{node}/network")
def list_interfaces(call: Call) -> Any:
    """Return the interfaces as they are configured; what is not applied yet stands beside them as a difference."""
    node = call.state.nodes[call.node]
    configured = node.interfaces if node.pending_interfaces is None else node.pending_interfaces
    listed = [
        _shown(name, interface, active=name in node.interfaces)
        for name, interface in configured.items()
        if _wanted(interface, call.get("type"))
        and call.may(f"/sdn/zones/localnetwork/{name}", "SDN.Audit", "SDN.Use", any_of=True)
    ]
    if node.pending_interfaces is None:
        return listed
    added = "".join(f"+iface {name}\n" for name in configured if name not in node.interfaces)
    return Reply(listed, {"changes": f"--- /etc/network/interfaces\n+++ /etc/network/interfaces.new\n{added}"})


def _wanted(interface: Config, kind: str | None) -> bool:
    kinds = {"any_bridge": {"bridge", "OVSBridge"}, "any_local_bridge": {"bridge", "OVSBridge"}}
    return kind is None or interface["type"] in kinds.get(kind, {kind})


def _shown(name: str, interface: Config, *, active: bool) -> dict[str, Any]:
    shown = {"iface": name, "method": "manual", "method6": "manual", "families": ["inet"], "priority": 3, **interface}
    if shown["type"] == "bridge":
        shown = {"bridge_fd": "0", "bridge_stp": "off", "bridge_ports": "", **shown}
    if shown.get("cidr"):
        address, _, mask = str(shown["cidr"]).partition("/")
        shown |= {"address": address, "netmask": mask, "method": "static"}
    return shown | ({"active": 1} if active else {})


@handles("GET", "/nodes/{node}/network/{iface}")
def read_interface(call: Call) -> Any:
    """Return one interface."""
    interfaces = call.state.nodes[call.node].interfaces
    if call.get("iface") not in interfaces:
        raise refuse_parameters(iface="interface does not exist")
    return _shown(str(call.get("iface")), interfaces[str(call.get("iface"))], active=True)


@handles("POST", "/nodes/{node}/network")
def create_interface(call: Call) -> None:
    """Add an interface to the configuration that waits to be applied."""
    pending = _pending(call)
    if call.get("iface") in pending:
        raise refuse_parameters(iface="interface already exists")
    pending[str(call.get("iface"))] = {key: value for key, value in call.given.items() if key not in _NOT_KEPT}


@handles("PUT", "/nodes/{node}/network/{iface}")
def change_interface(call: Call) -> None:
    """Change an interface in the configuration that waits."""
    pending = _pending(call)
    if call.get("iface") not in pending:
        raise refuse_parameters(iface="interface does not exist")
    pending[str(call.get("iface"))] = {key: value for key, value in call.given.items() if key not in _NOT_KEPT}


@handles("DELETE", "/nodes/{node}/network/{iface}")
def delete_interface(call: Call) -> None:
    """Take an interface out of the configuration that waits."""
    if _pending(call).pop(str(call.get("iface")), None) is None:
        raise refuse_parameters(iface="interface does not exist")


def _pending(call: Call) -> dict[str, Config]:
    node = call.state.nodes[call.node]
    if node.pending_interfaces is None:
        node.pending_interfaces = dict(node.interfaces)
    return node.pending_interfaces


@handles("DELETE", "/nodes/{node}/network")
def revert_interfaces(call: Call) -> None:
    """Forget what was not applied."""
    call.state.nodes[call.node].pending_interfaces = None


@handles("PUT", "/nodes/{node}/network")
def apply_interfaces(call: Call) -> str:
    """Apply the configuration that waits."""
    node = call.state.nodes[call.node]

    async def work(task: Task) -> None:
        await task.work()
        if node.pending_interfaces is not None:
            node.interfaces, node.pending_interfaces = node.pending_interfaces, None

    return call.task("srvreload", "networking", work)


@handles("GET", "/nodes/{node}/sdn/zones")
def zones_on_node(call: Call) -> Any:
    """Return the zones on a node that the caller may see."""
    zones = ["localnetwork", *call.state.section("zones")]
    return [
        {"zone": zone, "status": "available"}
        for zone in zones
        if call.may(f"/sdn/zones/{zone}", "SDN.Audit", "SDN.Use", any_of=True)
    ]


def new_node(name: str, number: int) -> Node:
    """Describe a node with the two bridges that the drills use."""
    bridge: Config = {"type": "bridge", "autostart": 1}
    return Node(
        name=name,
        address=f"10.99.0.{number}",
        memory=512 * GIBIBYTE,
        interfaces={"vmbr0": dict(bridge), "vmbr9": {**bridge, "cidr": "10.99.9.1/24"}},
    )


def check_node(call: Call, name: str) -> None:
    """Refuse a node that the cluster does not have."""
    if name not in call.state.nodes:
        raise PveError(
            f"hostname lookup '{name}' failed - failed to get address info for: {name}: Name or service not known"
        )
