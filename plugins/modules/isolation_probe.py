"""Try, from inside a sandbox, everything that must fail there and everything that must answer."""

from __future__ import annotations

import errno
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: isolation_probe
short_description: Try which TCP endpoints and names a host can reach
description:
  - An endpoint counts as reachable when anything came back from it, a refusal included; only silence and a missing
    route count as isolation.
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
  timeout_seconds:
    description: How long one try waits.
    type: float
    default: 1.5
author: drillbook
"""

RETURN = """
tries:
  description: Every try with name, target, expect (open or closed), open, reason and a text that says all of it.
  type: list
  elements: dict
  returned: success
"""

SILENT = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ETIMEDOUT, errno.EPERM, errno.EACCES}


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
    return outcome(endpoint["name"], f"{target[0]}:{target[1]}", endpoint["expect"], answered, reason)


def route(address: str) -> dict[str, Any]:
    """Whether the kernel would know where to send a packet; connecting a UDP socket sends none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 53))
            routed, reason = True, f"routed from {probe.getsockname()[0]}"
        except OSError as error:
            routed, reason = False, os.strerror(error.errno or 0)
    return outcome("outside by address", address, "closed", routed, reason)


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
            "open_endpoints": {"type": "list", "elements": "dict", "required": True},
            "controller_ports": {"type": "list", "elements": "int", "default": [22]},
            "unroutable_addresses": {"type": "list", "elements": "str", "default": []},
            "names": {"type": "list", "elements": "str", "default": []},
            "timeout_seconds": {"type": "float", "default": 1.5},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    controller = os.environ.get("SSH_CONNECTION", "").split(" ")[0]
    closed = [("production", host, port) for host in wanted["closed_addresses"] for port in wanted["closed_ports"]]
    closed += [("controller", controller, port) for port in wanted["controller_ports"] if controller]
    endpoints = [{"name": name, "address": host, "port": port, "expect": "closed"} for name, host, port in closed] + [
        {**endpoint, "expect": "open"} for endpoint in wanted["open_endpoints"]
    ]
    # Each silent endpoint takes the whole timeout, so that all of a small inventory are asked at once.
    with ThreadPoolExecutor(max_workers=128) as pool:
        tries = list(pool.map(lambda endpoint: attempt(endpoint, wanted["timeout_seconds"]), endpoints))
        tries += list(pool.map(route, wanted["unroutable_addresses"]))
        tries += list(pool.map(resolve, wanted["names"]))
    module.exit_json(changed=False, tries=tries, controller=controller)


if __name__ == "__main__":
    main()
