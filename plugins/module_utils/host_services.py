"""What runs on a host, what is installed and what its firewall holds: how it differs from before, and how that comes back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Run = Callable[..., tuple[int, str, str]]
    """The module's run_command."""

_PASSING = re.compile(
    r"^(user@|user-runtime-dir@|session-|systemd-|apt-|dpkg-|man-db|logrotate|fstrim|e2scrub|packagekit|polkit)"
)
"""Units that come and go by themselves."""
_MOUNTS = ("/etc", "/home", "/opt", "/root", "/srv", "/usr/local", "/var")
_TYPES = "--type=service,socket,timer,path"


def read(run: Run) -> dict[str, Any]:
    """All of it, as lists in order, so that it can be kept as JSON."""
    active = _units(run, "list-units", "--state=active")
    return {
        "packages": sorted(_packages(run)),
        "enabled": _units(run, "list-unit-files", "--state=enabled"),
        "active": [unit for unit in active if not _PASSING.match(unit)],
        "listening": listening(run),
        "mounts": mounts(),
        "ruleset": ruleset(run),
    }


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Sentences: what is there now and was not, or the other way round."""
    said = []
    for what in ("packages", "enabled", "active", "listening", "mounts"):
        came, went = sorted(set(now[what]) - set(before[what])), sorted(set(before[what]) - set(now[what]))
        said += [f"{what}: {name} came" for name in came] + [f"{what}: {name} went" for name in went]
    return said + ([] if now["ruleset"] == before["ruleset"] else ["the firewall differs"])


def stop(run: Run, before: Mapping[str, Any]) -> None:
    """Stop what runs now and did not, all at once: units that want each other go together."""
    came = sorted(set(read(run)["active"]) - set(before["active"]))
    if came:
        run(["systemctl", "stop", *came], check_rc=True)


def purge(run: Run, before: Mapping[str, Any]) -> list[str]:
    """Remove packages that were not there, with their configuration and data; those that were there stay."""
    came = sorted(_packages(run) - set(before["packages"]))
    if came:
        run(
            ["apt-get", "--quiet", "--yes", "-o", "DPkg::Lock::Timeout=300", "purge", *came],
            check_rc=True,
            environ_update={"DEBIAN_FRONTEND": "noninteractive"},
        )
    return came


def restart(run: Run, before: Mapping[str, Any]) -> None:
    """Have the units as they were, once their files are; and the firewall. What does not follow, the proof finds."""
    run(["systemctl", "daemon-reload"], check_rc=True)
    run(["systemctl", "reset-failed"])
    now = read(run)
    for verb, names in (
        ("disable", set(now["enabled"]) - set(before["enabled"])),
        ("enable", set(before["enabled"]) - set(now["enabled"])),
        ("start", set(before["active"]) - set(now["active"])),
    ):
        if names:
            run(["systemctl", verb, *sorted(names)])
    if now["ruleset"] != before["ruleset"]:
        run(["nft", "-f", "-"], data=f"flush ruleset\n{before['ruleset']}", check_rc=True)


def listening(run: Run) -> list[str]:
    """Addresses and ports that others can reach by TCP, as ``0.0.0.0:22``."""
    _code, out, _errors = run(["ss", "--no-header", "--listening", "--tcp", "--numeric"], check_rc=True)
    addresses = {line.split()[3] for line in out.splitlines() if len(line.split()) > 3}
    return sorted(one for one in addresses if not re.match(r"^(127\.|\[::1\]|\[::ffff:127\.)", one))


def ruleset(run: Run) -> str:
    """The whole of nftables, without counters; "" where there is none."""
    code, out, _errors = run(["nft", "--stateless", "list", "ruleset"])
    return out if code == 0 else ""


def mounts() -> list[str]:
    """Where a file system is mounted among what is looked at."""
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    return sorted({line.split()[1] for line in lines if line.split()[1].startswith(_MOUNTS)})


def _packages(run: Run) -> set[str]:
    shape = "${binary:Package} ${db:Status-Status}\n"
    _code, out, _errors = run(["dpkg-query", "--show", "--showformat", shape], check_rc=True)
    lines = (line.partition(" ") for line in out.splitlines())
    return {name for name, _, status in lines if status == "installed"}


def _units(run: Run, verb: str, state: str) -> list[str]:
    options = ("--plain", "--no-legend", "--no-pager")
    _code, out, _errors = run(["systemctl", verb, _TYPES, state, *options], check_rc=True)
    return sorted({line.split()[0] for line in out.splitlines() if line.strip()})
