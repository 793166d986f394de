"""Try, from inside a sandbox, everything that must fail there and everything that must answer."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: isolation_probe
short_description: Try which addresses, TCP endpoints and names a host can reach
description:
  - An endpoint counts as reachable when anything came back from it, a refusal included.
  - Firewalls are silent, too. So a route to an address of production, a default route of either family and a global IPv6 address
    count as a way out, whatever came back. Where there is a route, an ICMP echo and a UDP datagram are tried as well.
options:
  closed_addresses:
    description: Addresses of production, on each of which every one of C(closed_ports) must stay silent.
    type: list
    elements: str
    required: true
  closed_ports:
    description: Ports tried on each closed address.
    type: list
    elements: int
    required: true
  closed_endpoints:
    description: Further endpoints (name, address, port) that must stay silent.
    type: list
    elements: dict
    default: []
  open_endpoints:
    description: "The positive controls: endpoints (name, address, port) that must answer."
    type: list
    elements: dict
    required: true
  controller_ports:
    description: Ports of the controller (the address this connection came from) that must not answer.
    type: list
    elements: int
    default: [22]
  unroutable_addresses:
    description: Addresses outside for which there must be no route at all; no packet is sent to them.
    type: list
    elements: str
    default: []
  names:
    description: Names that must not resolve.
    type: list
    elements: str
    default: []
  routed:
    description: The network routes and something else filters what leaves it, so that routes are told and count as no way out.
    type: bool
    default: false
  timeout_seconds:
    description: How long one try waits.
    type: float
    default: 1.5
author: drillbook
"""

RETURN = """
tries:
  description: >-
    Every try with name, target, expect (open, closed, or told where it decides nothing), open, reason and a text that says all of it.
  type: list
  elements: dict
  returned: success
"""

SILENT = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ETIMEDOUT, errno.EPERM, errno.EACCES}


V4_DEFAULT, V6_DEFAULT = "/proc/net/route", "/proc/net/ipv6_route"
V6_ADDRESSES = "/proc/net/if_inet6"
RTF_UP, RTF_REJECT = 0x1, 0x200
"""Flags of a route (linux/route.h)."""
CLOSED_UDP_PORT = 33434
"""Where traceroute begins: nobody listens, so that a host that is reached answers by ICMP."""


def family(address: str) -> socket.AddressFamily:
    """IPv6 is the one with colons."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def outcome(name: str, target: str, expect: str, answered: bool, reason: str) -> dict[str, Any]:
    """One try as it is returned."""
    return {
        "name": name,
        "target": target,
        "expect": expect,
        "open": answered,
        "reason": reason,
        "text": f"{name} {target}: {reason}",
    }


def attempt(endpoint: dict[str, Any], timeout: float) -> dict[str, Any]:
    """One TCP connection; never sends a byte."""
    target = (endpoint["address"], int(endpoint["port"]))
    try:
        with socket.create_connection(target, timeout=timeout):
            answered, reason = True, "connected"
    except TimeoutError:
        answered, reason = False, "no answer"
    except ConnectionRefusedError:
        answered, reason = True, "refused: the host itself answered"
    except OSError as error:
        answered, reason = error.errno not in SILENT, os.strerror(error.errno or 0)
    shown = f"[{target[0]}]" if ":" in target[0] else target[0]
    return outcome(endpoint["name"], f"{shown}:{target[1]}", endpoint["expect"], answered, reason)


def route(address: str, name: str, expect: str) -> dict[str, Any]:
    """Whether the kernel would know where to send a packet; connecting a UDP socket sends none."""
    with socket.socket(family(address), socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 53))
            routed, reason = True, f"routed from {probe.getsockname()[0]}"
        except OSError as error:
            routed, reason = False, os.strerror(error.errno or 0)
    return outcome(name, address, expect, routed, reason)


def exchange(probe: socket.socket, target: tuple[str, int], sent: bytes, timeout: float) -> tuple[bool, str]:
    """Send, and wait for anything that comes back from there, at most ``timeout`` seconds: whether it did, and the reason."""
    probe.settimeout(timeout)
    try:
        probe.connect(target)
        probe.send(sent)
        probe.recv(2048)
    except TimeoutError:
        return False, "no answer"
    except OSError as error:
        return error.errno not in SILENT, os.strerror(error.errno or 0)
    return True, "answered"


def checksum(data: bytes) -> int:
    """The Internet's (RFC 1071) of an even number of bytes."""
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def icmp_socket(address: str, protocol: int) -> socket.socket:
    """One of root's, else one of those that every user may have (net.ipv4.ping_group_range). Raises PermissionError where neither is."""
    try:
        return socket.socket(family(address), socket.SOCK_RAW, protocol)
    except PermissionError:
        return socket.socket(family(address), socket.SOCK_DGRAM, protocol)


def echo(address: str, timeout: float) -> dict[str, Any]:
    """One ICMP echo, for ``timeout`` seconds. Raises PermissionError where none may be sent."""
    sixth = family(address) is socket.AF_INET6
    kind, protocol = (128, socket.IPPROTO_ICMPV6) if sixth else (8, socket.IPPROTO_ICMP)
    rest = os.getpid().to_bytes(4, "big")
    sent = bytes([kind, 0]) + checksum(bytes([kind, 0, 0, 0]) + rest).to_bytes(2, "big") + rest
    with icmp_socket(address, protocol) as probe:
        return outcome("production by echo", address, "closed", *exchange(probe, (address, 0), sent, timeout))


def datagram(address: str, timeout: float) -> dict[str, Any]:
    """One UDP datagram to a port where nobody listens; a host that is reached and says so is an answer."""
    target = (address, CLOSED_UDP_PORT)
    with socket.socket(family(address), socket.SOCK_DGRAM) as probe:
        answered, reason = exchange(probe, target, b"drillbook", timeout)
    return outcome("production by UDP", f"{address}:{CLOSED_UDP_PORT}", "closed", answered, reason)


def lines_of(path: str) -> list[list[str]]:
    """The words of each line; nothing where the kernel has no such family."""
    try:
        return [line.split() for line in Path(path).read_text(encoding="ascii").splitlines()]
    except FileNotFoundError:
        return []


def default_routes(expect: str) -> list[dict[str, Any]]:
    """A default route of each family leads anywhere."""
    fourth = [
        line[0] for line in lines_of(V4_DEFAULT)[1:] if line[1] == line[7] == "00000000" and int(line[3], 16) & RTF_UP
    ]
    sixth = [
        line[9]
        for line in lines_of(V6_DEFAULT)
        if line[0] == "0" * 32 and line[1] == "00" and line[9] != "lo" and not int(line[8], 16) & RTF_REJECT
    ]
    return [
        outcome(name, target, expect, bool(found), f"through {', '.join(found)}" if found else "none")
        for name, target, found in (("default route", "0.0.0.0/0", fourth), ("default route", "::/0", sixth))
    ]


def global_addresses(expect: str) -> dict[str, Any]:
    """An address of the Internet (2000::/3) came from a router that nobody declared."""
    found = [
        f"{ipaddress.IPv6Address(int(line[0], 16))} on {line[5]}"
        for line in lines_of(V6_ADDRESSES)
        if int(line[0], 16) >> 125 == 1 and line[5] != "lo"
    ]
    return outcome("global IPv6 address", "2000::/3", expect, bool(found), ", ".join(found) or "none")


def resolve(name: str) -> dict[str, Any]:
    """Whether a name outside resolves."""
    try:
        answer = socket.getaddrinfo(name, 443)
        resolved, reason = True, f"resolved to {answer[0][4][0]}"
    except OSError as error:
        resolved, reason = False, str(error.strerror or error)
    return outcome("outside by name", name, "closed", resolved, reason)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "closed_addresses": {"type": "list", "elements": "str", "required": True},
            "closed_ports": {"type": "list", "elements": "int", "required": True},
            "closed_endpoints": {"type": "list", "elements": "dict", "default": []},
            "open_endpoints": {"type": "list", "elements": "dict", "required": True},
            "controller_ports": {"type": "list", "elements": "int", "default": [22]},
            "unroutable_addresses": {"type": "list", "elements": "str", "default": []},
            "names": {"type": "list", "elements": "str", "default": []},
            "routed": {"type": "bool", "default": False},
            "timeout_seconds": {"type": "float", "default": 1.5},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    controller = os.environ.get("SSH_CONNECTION", "").split(" ")[0]
    closed = [("production", host, port) for host in wanted["closed_addresses"] for port in wanted["closed_ports"]]
    closed += [("controller", controller, port) for port in wanted["controller_ports"] if controller]
    endpoints = [{"name": name, "address": host, "port": port, "expect": "closed"} for name, host, port in closed]
    endpoints += [{**endpoint, "expect": "closed"} for endpoint in wanted["closed_endpoints"]]
    endpoints += [{**endpoint, "expect": "open"} for endpoint in wanted["open_endpoints"]]
    expect = "told" if wanted["routed"] else "closed"
    # Each silent endpoint takes the whole timeout, so that all of a small inventory are asked at once.
    with ThreadPoolExecutor(max_workers=128) as pool:
        tries = list(pool.map(lambda endpoint: attempt(endpoint, wanted["timeout_seconds"]), endpoints))
        ways = [route(address, "production by route", expect) for address in wanted["closed_addresses"]]
        routed = [way["target"] for way in ways if way["open"]]
        try:
            tries += [*ways, *pool.map(partial(echo, timeout=wanted["timeout_seconds"]), routed)]
        except PermissionError as error:
            module.fail_json(msg=f"An ICMP echo can't be tried: {error.strerror}. Let the probe run as root.")
        tries += pool.map(partial(datagram, timeout=wanted["timeout_seconds"]), routed)
        tries += [route(address, "outside by address", expect) for address in wanted["unroutable_addresses"]]
        tries += [*default_routes(expect), global_addresses(expect)]
        tries += list(pool.map(resolve, wanted["names"]))
    module.exit_json(changed=False, tries=tries, controller=controller)


if __name__ == "__main__":
    main()
