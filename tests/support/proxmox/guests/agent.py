"""The agent in a virtual machine: files, programs, and the freeze around a backup."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode, b64encode
from typing import Any

from tests.support.proxmox.calls import Call, handles
from tests.support.proxmox.errors import PveError
from tests.support.proxmox.guests.drives import NIC, disks, nic_mac
from tests.support.proxmox.property_strings import read_options
from tests.support.proxmox.state import Guest, Program, Volume

_BASE = "/nodes/{node}/qemu/{vmid}/agent"
KERNEL = {
    "kernel-release": "6.12.107+deb13-cloud-amd64",
    "kernel-version": "#1 SMP PREEMPT_DYNAMIC Debian 6.12.107-1 (2026-08-29)",
    "machine": "x86_64",
}


def agent_enabled(guest: Guest) -> bool:
    """Say whether the configuration gives the guest an agent."""
    options = read_options(str(guest.config.get("agent", "0")))
    return options.get("enabled", options.get("", "0")) in {"1", "on", "yes", "true"}


def agent_answers(call: Call, guest: Guest) -> bool:
    """Say whether a running guest's agent answers."""
    return agent_enabled(guest) and guest.running and guest.vmid not in call.engine.faults.silent_agents


def _guest(call: Call) -> Guest:
    guest = call.guest
    if not agent_enabled(guest):
        raise PveError("No QEMU guest agent configured")
    if not guest.running:
        raise PveError(f"VM {guest.vmid} is not running")
    if guest.vmid in call.engine.faults.silent_agents:
        raise PveError("QEMU guest agent is not running")
    return guest


def _failed(text: str) -> PveError:
    return PveError(f"Agent error: {text}")


def locate(call: Call, guest: Guest, path: str) -> tuple[Volume, str]:
    """Return the disk that holds a path of the guest, and the path on that disk."""
    found = list(disks(call.engine, guest))
    if not found:
        raise _failed(f"failed to open file '{path}': No such file or directory")
    places = {
        guest.mounts.get(key, "/" if number == 0 else f"/mnt/{key}"): volume
        for number, (key, volume) in enumerate(found)
    }
    for mount in sorted(places, key=len, reverse=True):
        if path == mount or path.startswith(mount.rstrip("/") + "/"):
            return places[mount], "/" + path[len(mount) :].lstrip("/")
    return found[0][1], path


def read_in_guest(call: Call, guest: Guest, path: str) -> bytes:
    """Return a file's content as the guest reads it."""
    if body := call.engine.body_of(guest):
        content = body.read(guest, path)
    else:
        volume, inside = locate(call, guest, path)
        content = volume.files.get(inside)
    if content is None:
        raise _failed(f"failed to open file '{path}' (mode: 'r'): No such file or directory")
    return content


@handles("POST", f"{_BASE}/ping")
def ping(call: Call) -> Any:
    """Answer."""
    _guest(call)
    return {"result": {}}


@handles("POST", f"{_BASE}/fsfreeze-freeze")
def freeze(call: Call) -> Any:
    """Stop writes to the guest's file systems."""
    guest = _guest(call)
    guest.frozen = True
    return {"result": sum(1 for _ in disks(call.engine, guest))}


@handles("POST", f"{_BASE}/fsfreeze-thaw")
def thaw(call: Call) -> Any:
    """Allow writes again."""
    guest = _guest(call)
    count = sum(1 for _ in disks(call.engine, guest)) if guest.frozen else 0
    guest.frozen = guest.vmid in call.engine.faults.stays_frozen
    return {"result": count}


@handles("POST", f"{_BASE}/fsfreeze-status")
def freeze_status(call: Call) -> Any:
    """Say whether writes are stopped."""
    return {"result": "frozen" if _guest(call).frozen else "thawed"}


@handles("GET", f"{_BASE}/get-osinfo")
def system(call: Call) -> Any:
    """Return the guest's kernel."""
    _guest(call)
    return {"result": dict(KERNEL)}


@handles("GET", f"{_BASE}/get-host-name")
def host_name(call: Call) -> Any:
    """Return the guest's name as it knows it."""
    return {"result": {"host-name": _guest(call).name}}


@handles("GET", f"{_BASE}/get-fsinfo")
def file_systems(call: Call) -> Any:
    """Return the mounted file systems."""
    guest = _guest(call)
    listed = []
    for number, (key, volume) in enumerate(disks(call.engine, guest)):
        used = sum(len(data) for data in volume.files.values())
        letter = f"sd{chr(ord('a') + number)}"
        controller = {"domain": 0, "bus": 0, "slot": 5, "function": 0}
        place = {
            "bus-type": "scsi",
            "bus": 0,
            "target": 0,
            "unit": number,
            "dev": f"/dev/{letter}",
            "pci-controller": controller,
        }
        listed.append(
            {
                "name": letter,
                "mountpoint": guest.mounts.get(key, "/" if number == 0 else f"/mnt/{key}"),
                "type": "ext4",
                "total-bytes": volume.size,
                "total-bytes-privileged": volume.size,
                "used-bytes": 28672 + used,
                "disk": [place],
            }
        )
    return {"result": listed}


@handles("GET", f"{_BASE}/network-get-interfaces")
def network(call: Call) -> Any:
    """Return the guest's network cards; what is cut off or isolated keeps its address all the same."""
    guest = _guest(call)
    listed: list[dict[str, Any]] = [{"name": "lo", "hardware-address": "00:00:00:00:00:00"}]
    counters = [f"{way}-{what}" for way in ("rx", "tx") for what in ("bytes", "packets", "errs", "dropped")]
    for number, key in enumerate(sorted(name for name in guest.config if NIC.match(name))):
        static = read_options(str(guest.config.get(f"ipconfig{key[3:]}", ""))).get("ip", "")
        address, _, prefix = static.partition("/")
        first = {
            "ip-address": address or f"10.99.9.{guest.vmid % 250}",
            "ip-address-type": "ipv4",
            "prefix": int(prefix or 24),
        }
        listed.append(
            {
                "name": f"eth{number}",
                "hardware-address": nic_mac(str(guest.config[key])).lower(),
                "ip-addresses": [first, {"ip-address": "fe80::1", "ip-address-type": "ipv6", "prefix": 64}],
                "statistics": dict.fromkeys(counters, 0),
            }
        )
    return {"result": listed}


@handles("GET", f"{_BASE}/file-read")
def read_file(call: Call) -> Any:
    """Return a file of the guest."""
    data = read_in_guest(call, _guest(call), str(call.get("file")))
    offset, count = int(call.get("offset", 0)), int(call.get("count", 16 << 20))
    part = data[offset : offset + count]
    text = part.decode("utf-8", "replace") if call.get("decode", 1) else b64encode(part).decode()
    return {"content": text, **({"truncated": 1} if offset + count < len(data) else {})}


@handles("POST", f"{_BASE}/file-write")
def write_file(call: Call) -> None:
    """Write a file of the guest."""
    guest = _guest(call)
    if guest.frozen:
        raise _failed("Command guest-file-open has been disabled: the agent is in frozen state")
    volume, inside = locate(call, guest, str(call.get("file")))
    content = str(call.get("content"))
    volume.files[inside] = content.encode() if call.get("encode", 1) else b64decode(content)


@handles("POST", f"{_BASE}/exec")
def execute(call: Call) -> Any:
    """Run a program: one that a test has planned, or one of the few that the test guest has."""
    guest = _guest(call)
    command = [str(part) for part in call.get("command")]
    program = guest.programs.get(" ".join(command)) or guest.programs.get(command[0]) or _run(call, guest, command)
    if program is None:
        raise _failed(
            f"Guest agent command failed, error was 'Failed to execute child process “{command[0]}” (No such file or directory)'"
        )
    pid = 900 + call.state.next_number()
    result: dict[str, Any] = {"exited": 0} if program.hangs else {"exited": 1, "exitcode": program.exitcode}
    if program.out:
        result["out-data"] = program.out
    if program.err:
        result["err-data"] = program.err
    guest.executions[pid] = result
    return {"pid": pid}


def _run(call: Call, guest: Guest, command: list[str]) -> Program | None:
    name, arguments = command[0].rpartition("/")[2], command[1:]
    if name == "sh":
        return _shell(call, guest, str(call.get("input-data", "")))
    if name in {"true", "sync", "false"}:
        return Program(exitcode=int(name == "false"))
    if name == "echo":
        return Program(out=" ".join(arguments) + "\n")
    if name in {"cat", "sha256sum"} and arguments:
        try:
            data = read_in_guest(call, guest, arguments[-1])
        except PveError:
            return Program(exitcode=1, err=f"{name}: {arguments[-1]}: No such file or directory\n")
        text = data.decode("utf-8", "replace")
        return Program(out=text if name == "cat" else f"{hashlib.sha256(data).hexdigest()}  {arguments[-1]}\n")
    return None


def _shell(call: Call, guest: Guest, script: str) -> Program | None:
    """Answer a script as the disk's own ``/bin/sh`` says: a list of {contains, exitcode, out}, the first that fits.

    With ``hangs`` it never ends. With ``reached`` in place of ``out``, each ``try ADDRESS PORT`` of the script is answered: open where it is listed.
    """
    try:
        rules = json.loads(read_in_guest(call, guest, "/bin/sh"))
    except PveError:
        return None
    for rule in rules:
        if rule["contains"] in script:
            out = _tried(script, rule["reached"]) if "reached" in rule else str(rule.get("out", ""))
            return Program(exitcode=int(rule.get("exitcode", 0)), out=out, hangs=bool(rule.get("hangs")))
    return Program(exitcode=127)


def _tried(script: str, reached: list[str]) -> str:
    targets = re.findall(r"^try (\S+) (\d+) &$", script, re.MULTILINE)
    lines = [f"{'open' if f'{address}:{port}' in reached else 'silent'} {address} {port}" for address, port in targets]
    lines += [
        f"{'open' if name in reached else 'silent'} {name} name" for name in re.findall(r"getent hosts (\S+)", script)
    ]
    return "\n".join(lines) + "\n"


@handles("GET", f"{_BASE}/exec-status")
def execution(call: Call) -> Any:
    """Return what became of a program; that it ended is told once, as by the agent itself."""
    guest = _guest(call)
    pid = int(call.get("pid"))
    if pid not in guest.executions:
        raise _failed(f"PID {pid} does not exist")
    result = guest.executions[pid]
    return guest.executions.pop(pid) if result["exited"] else result
