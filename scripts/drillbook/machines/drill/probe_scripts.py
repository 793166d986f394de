"""Scripts that run inside a restored machine, and what their answers mean: pure. POSIX sh; TCP by bash or python3, whichever is there."""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from drillbook.model import GuestAnswer, MachineProbes

PROBE_LIMIT = timedelta(seconds=60)
"""How long one script of probes may run."""
_TRY_SECONDS = 3
_NO_TOOL = 96
_AT_ONCE = 400
"""So many endpoints are tried by one script: Proxmox VE reads 64 KiB of a call, encoded, and each try is two processes."""
_ANSWER_LIMIT = 1024 * 1024
_QUOTED = 200
"""So much of an odd line or of a file's name is shown."""
_TRIED = re.compile(r"(open|refused|silent) (\S+) (\d{1,5}|name|echo|router)", re.ASCII)
_TOTALS = re.compile(r"read (\d{1,18}) (\d{1,18}) (\d{1,18})", re.ASCII)
_TRY = f"""\
export LC_ALL=C
try() {{
    if command -v bash >/dev/null 2>&1; then
        said=$(timeout {_TRY_SECONDS} bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>&1); code=$?
    elif command -v python3 >/dev/null 2>&1; then
        said=$(timeout {_TRY_SECONDS} python3 -c 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])))' \\
            "$1" "$2" 2>&1); code=$?
    else
        exit {_NO_TOOL}
    fi
    case $code$said in
        0*) echo "open $1 $2" ;;
        *[Rr]efused*) echo "refused $1 $2" ;;
        *) echo "silent $1 $2" ;;
    esac
}}
echo_of() {{ command -v ping >/dev/null 2>&1 && ping -n -c 1 -W {_TRY_SECONDS} "$1" >/dev/null 2>&1 && echo "open $1 echo"; }}
command -v timeout >/dev/null 2>&1 || exit {_NO_TOOL}
"""
_ROUTER = """\
if ip -6 route show default 2>/dev/null | grep -q 'proto ra'; then echo 'open ::/0 router'; fi
"""
_READ_ALL = """\
export LC_ALL=C
counts=$(for place in $(findmnt --noheadings --raw --output TARGET --types ext2,ext3,ext4,xfs,btrfs,f2fs,zfs,overlay,bcachefs | sort -u); do
    find "$place" -xdev -type f -print0 2>/dev/null | xargs -0 -r -n 200 sh -c '
        if cat -- "$@" >/dev/null 2>&1; then
            echo "ok $# $(stat --format=%s -- "$@" | awk "{ sum += \\$1 } END { printf \\"%.0f\\", sum }")"
        else
            for file do
                if size=$(cat -- "$file" 2>/dev/null | wc -c) && cat -- "$file" >/dev/null 2>&1; then echo "ok 1 $size"
                elif [ -e "$file" ]; then echo "bad $file"; fi
            done
        fi' read_all
done)
printf '%s\\n' "$counts" | grep '^bad ' | head -n 3
printf '%s\\n' "$counts" | awk '
    $1 == "ok" { files += $2; bytes += $3 } $1 == "bad" { bad += 1 } END { printf "read %d %.0f %d\\n", files, bytes, bad }'
"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address and a TCP port."""

    address: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``192.0.2.1:443`` or ``[2001:db8::1]:443``."""
        address, _, port = text.rpartition(":")
        return cls(address.strip("[]"), int(port))

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Reached:
    """Of the endpoints and names that were tried: what anything came back from (a refusal included), and what was tried."""

    answered: frozenset[str]
    tried: frozenset[str]


@dataclass(frozen=True, slots=True)
class FullRead:
    """Every file of every local file system, read: how many, how many bytes, and those that could not be."""

    files: int
    bytes: int
    unreadable: int
    examples: tuple[str, ...]


class CannotProbeError(Exception):
    """The machine lacks the tools, or its answer makes no sense. The text may quote the machine: what shows it sanitizes it, as `Check` does."""


def reach_scripts(endpoints: Sequence[Endpoint], names: Iterable[str]) -> tuple[str, ...]:
    """All that is to be tried, in as many scripts as it takes; the names are in the first one."""
    parts = [endpoints[start : start + _AT_ONCE] for start in range(0, len(endpoints), _AT_ONCE)] or [()]
    return (reach_script(parts[0], names), *(reach_script(part, ()) for part in parts[1:]))


def reach_script(endpoints: Iterable[Endpoint], names: Iterable[str]) -> str:
    """Try them all at once, each address by an echo as well where there is ``ping``: a firewall that drops ports often lets it through."""
    wanted = tuple(endpoints)
    tries = [f"try {shlex.quote(entry.address)} {entry.port} &" for entry in wanted]
    tries += [f"echo_of {shlex.quote(address)} &" for address in dict.fromkeys(entry.address for entry in wanted)]
    tries += [
        f"{{ timeout {_TRY_SECONDS} getent hosts {shlex.quote(name)} >/dev/null 2>&1 && echo open {name} name || echo silent {name} name; }} &"
        for name in names
    ]
    return _TRY + _ROUTER + "\n".join(tries) + "\nwait\n"


def unite(parts: Iterable[Reached]) -> Reached:
    """What several scripts found, as one."""
    found = tuple(parts)
    return Reached(
        frozenset().union(*(part.answered for part in found)), frozenset().union(*(part.tried for part in found))
    )


def read_reached(answer: GuestAnswer) -> Reached:
    """Read what `reach_script` said; raises CannotProbeError."""
    _refuse_failure(answer, "neither bash nor python3, or no timeout, is there")
    answered, tried = set(), set()
    for how, address, port in _tries(answer.output.splitlines()):
        target = str(Endpoint(address, int(port))) if port.isdecimal() else _named(address, port)
        tried.add(target)
        if how != "silent":
            answered.add(target)
    return Reached(frozenset(answered), frozenset(tried))


def _named(what: str, how: str) -> str:
    return what if how == "name" else f"{what} by {how}"


def ways_out(endpoints: Iterable[Endpoint]) -> frozenset[str]:
    """What `read_reached` says beside the endpoints: an echo of their addresses, and a router that offers IPv6."""
    return frozenset({_named("::/0", "router"), *(_named(entry.address, "echo") for entry in endpoints)})


def probe_script(probes: MachineProbes) -> str:
    """Ask each unit's state and try each port on the machine itself, by its own address and by loopback."""
    lines = [f"echo unit {shlex.quote(unit)} $(systemctl is-active {shlex.quote(unit)})" for unit in probes.units]
    addresses = "127.0.0.1 $(hostname -I 2>/dev/null)"
    lines += [f"for address in {addresses}; do try $address {port}; done" for port in probes.ports]
    return _TRY + "\n".join(lines) + "\n"


def read_probes(answer: GuestAnswer, probes: MachineProbes) -> dict[str, str]:
    """What `probe_script` found, by ``unit NAME`` and ``port N``: ``active`` and ``open`` are good. Raises CannotProbeError."""
    _refuse_failure(answer, "neither bash nor python3, or no timeout, is there")
    found = {f"unit {unit}": "unknown" for unit in probes.units} | {f"port {port}": "closed" for port in probes.ports}
    lines = answer.output.splitlines()
    states = [line.split(" ") for line in lines if line.startswith("unit ")]
    told = {f"unit {words[1]}": words[2] for words in states if len(words) == 3}
    told |= {
        f"port {port}": "open"
        for how, _, port in _tries(line for line in lines if line[:5] != "unit ")
        if how == "open"
    }
    return found | {what: state for what, state in told.items() if what in found}


def read_all_script() -> str:
    """Read every file of every local file system; nothing of the content leaves the machine."""
    return _READ_ALL


def read_full_read(answer: GuestAnswer) -> FullRead:
    """Read what `read_all_script` said; raises CannotProbeError."""
    _refuse_failure(answer, "findmnt, find, xargs and awk are needed")
    lines = answer.output.splitlines()
    totals = [line for line in lines if line.startswith("read ")]
    counts = _TOTALS.fullmatch(totals[0]) if len(totals) == 1 else None
    if counts is None:
        raise CannotProbeError("the full read said nothing of its result")
    examples = tuple(line.removeprefix("bad ")[:_QUOTED] for line in lines if line.startswith("bad "))
    return FullRead(int(counts[1]), int(counts[2]), int(counts[3]), examples[:3])


def _tries(lines: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """What `try` said in each line: how it ended, and what was tried. Raises CannotProbeError for any other line."""
    for line in lines:
        said = _TRIED.fullmatch(line)
        if said is None:
            raise CannotProbeError(f"it said what no try says: {line[:_QUOTED]}")
        yield said[1], said[2], said[3]


def _refuse_failure(answer: GuestAnswer, lacking: str) -> None:
    if len(answer.output) > _ANSWER_LIMIT:
        raise CannotProbeError(f"the machine said more than {_ANSWER_LIMIT} characters")
    if answer.exit_code != 0:
        why = lacking if answer.exit_code == _NO_TOOL else f"its script ended with {answer.exit_code}"
        raise CannotProbeError(f"the machine could not be looked at: {why}")
