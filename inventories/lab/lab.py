#!/usr/bin/env python3
"""Inventory script of the lab: adds to hosts.yml the plain values that depend on the lab's prefix.

The prefix is the environment's DRILLBOOK_LAB (default ``drillbook``), so that several labs live on one machine. Values are literal, because
``ansible-inventory --list``, from which drillbook reads its configuration, renders no templates.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
NETWORKS = {"production": 1, "sandbox": 2, "uplink": 3}
FAR_OFF = "2099-01-01 00:00:00"

try:
    import yaml
except ModuleNotFoundError:
    venv_python = REPOSITORY / ".venv" / "bin" / "python"
    if not venv_python.exists() or Path(sys.executable) == venv_python:
        sys.exit(
            "inventories/lab/lab.py: Python has no module 'yaml'. Run scripts/bootstrap, or use a virtual environment with ansible in it."
        )
    os.execv(venv_python, [str(venv_python), *sys.argv])  # noqa: S606  # the same script, in the interpreter that has the module


def lab_prefix() -> str:
    """The lab's name; it becomes part of container, network and firewall names."""
    prefix = os.environ.get("DRILLBOOK_LAB") or "drillbook"
    if not re.fullmatch(r"[a-z][a-z0-9]{0,19}", prefix):
        sys.exit(
            f"inventories/lab/lab.py: DRILLBOOK_LAB={prefix!r} is no lab prefix: use 1 to 20 lower-case letters and digits, a letter first."
        )
    return prefix


def second_octet(prefix: str) -> int:
    """100..199, the same every time for a prefix."""
    return 100 + int(hashlib.md5(prefix.encode(), usedforsecurity=False).hexdigest()[:4], 16) % 100


def mac(octet: int, network: str, last: int) -> str:
    """A fixed hardware address, so that a host made anew is not looked for at its old one."""
    return f"02:db:{octet:02x}:{NETWORKS[network]:02x}:00:{last:02x}"


def inventory() -> dict[str, Any]:
    """The script's answer to ``--list``."""
    prefix = lab_prefix()
    octet = second_octet(prefix)
    state = REPOSITORY / ".lab" / prefix
    topology: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "hosts.yml").read_text(encoding="utf-8"))["all"][
        "hosts"
    ]
    addresses = {
        name: {net: f"10.{octet}.{NETWORKS[net]}.{host['lab_octet']}" for net in host["lab_networks"]}
        for name, host in topology.items()
    }
    # Quoted twice: for whoever splits the line into words, and for ssh, which takes a path with a space for two files.
    known = shlex.quote(f'UserKnownHostsFile="{state}/ssh/known_hosts"')
    ssh = f"-o {known} -o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes"
    hostvars = {
        name: {
            "ansible_host": next(iter(legs.values())),
            "ansible_user": "root",
            "ansible_ssh_private_key_file": f"{state}/ssh/id_ed25519",
            "ansible_ssh_common_args": ssh,
            "lab_container": f"{prefix}-{name}",
            "lab_addresses": legs,
            "lab_attachments": [
                f"{prefix}-{net}:ip={address},mac={mac(octet, net, topology[name]['lab_octet'])},interface_name={net}"
                for net, address in legs.items()
            ],
        }
        for name, legs in addresses.items()
    }
    lab = {
        "lab_prefix": prefix,
        "lab_state": str(state),
        "lab_octet_second": octet,
        "lab_subnets": {net: f"10.{octet}.{number}.0/24" for net, number in NETWORKS.items()},
        "lab_hosts": addresses,
    }
    drillbook = {
        "drillbook_state_directory": f"{state}/state",
        "drillbook_object_store": {
            "endpoint": f"https://{addresses['store1']['production']}:7480",
            "region": "default",
            "ca_file": f"{state}/ca/trust.crt",
            "repositories": {"pgbackrest": {"bucket": "repository", "path": "/pgbackrest"}},
            "evidence_bucket": "evidence",
            "heartbeat_bucket": "heartbeat",
            "credentials_directory": f"{state}/secrets/object_store",
        },
        "drillbook_evidence": {
            "directory": f"{state}/state/evidence",
            "signing_key_file": f"{state}/secrets/evidence_signing_key.pem",
            "anchored": True,
            "anchor_prefix": "log/",
        },
        "drillbook_providers": [
            {
                "name": "lab",
                "kind": "lab",
                "prefix": prefix,
                "containers_conf": f"{state}/containers.conf",
                "drill": {
                    "network": f"{prefix}-sandbox",
                    "data_path": "/var/lib/postgresql",
                    "control": f"{addresses['store1']['sandbox']}:7480",
                },
            }
        ],
    }
    return {"_meta": {"hostvars": hostvars}, "all": {"hosts": list(hostvars), "vars": lab | drillbook | calendars()}}


def calendars() -> dict[str, str]:
    """When backups are taken by timers: the role's defaults, or never where DRILLBOOK_LAB_TIMED_BACKUPS is ``no``."""
    if os.environ.get("DRILLBOOK_LAB_TIMED_BACKUPS") != "no":
        return {}
    return {f"pgbackrest_{kind}_calendar": FAR_OFF for kind in ("full", "diff", "incr")}


def main() -> None:
    """Answers ``--list`` and ``--host``; the latter's values are all in ``_meta``."""
    json.dump(inventory() if "--host" not in sys.argv else {}, sys.stdout, indent=2)


if __name__ == "__main__":
    main()
