"""The named formats of the schema; wordings are Proxmox VE's where a recording or its source gives them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from urllib.parse import unquote

SHORTEST_USER = 3
_LIST = re.compile(r"[,;\s\0]+")
_USER = r"[^\s:/]{1,64}@[A-Za-z][A-Za-z0-9.\-_]+"
_TOKEN = r"[A-Za-z][A-Za-z0-9.\-_]+"
_NAME = r"[A-Za-z0-9]([A-Za-z0-9\-]*[A-Za-z0-9])?"
_STORAGE = r"[A-Za-z][A-Za-z0-9\-_.]*[A-Za-z0-9]"
_CONFIG = r"[A-Za-z][A-Za-z0-9_-]+"
_DAYS = r"(?i:(mon|tue|wed|thu|fri|sat|sun)[a-z.,]*)"
_TIME = r"(\*|\d+|\d+\.\.\d+)([,/](\*|\d+|\d+\.\.\d+))*"

# format -> (pattern, message); {value} is the refused text.
_PATTERNS: dict[str, tuple[str, str]] = {
    "pve-configid": (_CONFIG, "invalid configuration ID '{value}'"),
    "pve-vmid": (r"[1-9][0-9]{2,8}", "value does not look like a valid VM ID"),
    "pve-node": (_NAME, "value does not look like a valid node name"),
    "pve-storage-id": (_STORAGE, "storage ID '{value}' contains illegal characters"),
    "pve-volume-id": (rf"{_STORAGE}:\S+", "unable to parse volume ID '{value}'"),
    "pve-volume-id-or-qm-path": (rf"({_STORAGE}:\S+|none|cdrom|/.+)", "unable to parse volume ID '{value}'"),
    "pve-poolid": (r"[A-Za-z0-9.\-_]+(/[A-Za-z0-9.\-_]+){0,2}", "value '{value}' does not look like a valid pool name"),
    "pve-userid": (_USER, "value '{value}' does not look like a valid user name"),
    "pve-tokenid": (rf"{_USER}!{_TOKEN}", "value '{value}' does not look like a valid token ID"),
    "pve-roleid": (r"[A-Za-z0-9.\-_]+", "role name '{value}' contains invalid characters"),
    "pve-groupid": (r"[A-Za-z0-9.\-_]+", "group name '{value}' contains invalid characters"),
    "pve-realm": (r"[A-Za-z][A-Za-z0-9.\-_]+", "value does not look like a valid realm"),
    "pve-priv": (r"[A-Z][A-Za-z.]+", "invalid privilege '{value}'"),
    "pve-tag": (r"(?i:[a-z0-9_][a-z0-9_\-+.]*)", "invalid characters in tag"),
    "pve-bridge-id": (r"[A-Za-z][-_.\w]{0,14}", "value does not look like a valid bridge name"),
    "pve-iface": (r"[A-Za-z][A-Za-z0-9_]{1,20}([:.]\d+)?", "invalid network interface name '{value}'"),
    "mac-addr": (r"(?i:[0-9a-f][02468ace](:[0-9a-f]{2}){5})", "value does not look like a valid unicast MAC address"),
    "dns-name": (rf"{_NAME}(\.{_NAME})*", "value does not look like a valid DNS name"),
    "pve-startup-order": (r"((order=)?\d+)?(,?(up|down)=\d+)*", "unable to parse startup options"),
    "pve-ha-resource-or-vm-id": (r"((vm|ct):[1-9][0-9]{2,8}|[1-9][0-9]{2,8})", "invalid resource ID '{value}'"),
    "pve-ha-resource-id": (r"(vm|ct):[1-9][0-9]{2,8}", "invalid resource ID '{value}'"),
    "pve-hotplug-features": (
        r"(0|1|((disk|network|memory|usb|cpu|cloudinit)[,;]?)*)",
        "unable to parse hotplug option",
    ),
    "pve-storage-path": (r"/.+", "value does not look like a valid absolute path"),
    "pve-calendar-event": (
        rf"({_DAYS}\s+)?({_TIME}(:{_TIME})?|(?i:hourly|daily|weekly|monthly|yearly))|{_DAYS}",
        "invalid calendar event '{value}'",
    ),
}
_CONTENT = {"images", "rootdir", "vztmpl", "iso", "backup", "snippets", "import", "none"}


def _ip(text: str, version: int | None) -> bool:
    try:
        return version in {None, ipaddress.ip_address(text).version}
    except ValueError:
        return False


def _cidr(text: str, version: int | None) -> bool:
    try:
        return "/" in text and version in {None, ipaddress.ip_interface(text).version}
    except ValueError:
        return False


# format -> (test, message)
_TESTS: dict[str, tuple[Callable[[str], bool], str]] = {
    "ip": (lambda text: _ip(text, None), "value is not a valid IP address"),
    "ipv4": (lambda text: _ip(text, 4), "value is not a valid IPv4 address"),
    "ipv6": (lambda text: _ip(text, 6), "value is not a valid IPv6 address"),
    "address": (lambda text: _ip(text, None) or bool(re.fullmatch(_PATTERNS["dns-name"][0], text)), "invalid address"),
    "CIDR": (lambda text: _cidr(text, None), "value does not look like a valid CIDR network"),
    "CIDRv4": (lambda text: _cidr(text, 4), "value does not look like a valid IPv4 network"),
    "CIDRv6": (lambda text: _cidr(text, 6), "value does not look like a valid IPv6 network"),
    "pve-ipv4-config": (
        lambda text: text in {"dhcp", "manual"} or _cidr(text, 4),
        "value does not look like a valid ipv4 network configuration",
    ),
    "pve-ipv6-config": (
        lambda text: text in {"auto", "dhcp", "manual"} or _cidr(text, 6),
        "value does not look like a valid ipv6 network configuration",
    ),
    "urlencoded": (lambda text: not re.search(r"[^-+%.\w]", text), "invalid urlencoded string: {value}"),
    "pve-storage-content": (lambda text: text in _CONTENT, "invalid content type '{value}'"),
    "pve-task-status-type": (
        lambda text: text.lower() in {"ok", "error", "warning", "unknown"},
        "invalid task status filter '{value}'",
    ),
}


def check_named(name: str, value: str) -> str | None:
    """Return what is wrong with the value under a format's name, or nothing; formats that no rule is kept for pass."""
    if name.endswith("-list") and name.removesuffix("-list") in _PATTERNS | _TESTS:
        entries = [part for part in _LIST.split(value) if part]
        return next((wrong for part in entries if (wrong := check_named(name.removesuffix("-list"), part))), None)
    if name == "pve-userid" and len(value) < SHORTEST_USER:
        return f"user name '{value}' is too short"
    if name in _PATTERNS:
        pattern, message = _PATTERNS[name]
        return None if re.fullmatch(pattern, value) else message.format(value=value)
    if name in _TESTS:
        test, message = _TESTS[name]
        return None if test(value) else message.format(value=value)
    return None


def split_list(text: str) -> list[str]:
    """Take apart a list as Proxmox VE writes them: commas, semicolons or blanks."""
    return [part for part in _LIST.split(text) if part]


def decode_keys(text: str) -> str:
    """Return SSH keys as the guest sees them."""
    return unquote(text)
