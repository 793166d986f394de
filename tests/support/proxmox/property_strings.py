"""Comma-separated property strings such as `virtio,bridge=vmbr0,tag=4`, checked against the schema's format."""

from __future__ import annotations

import re
from typing import Any

BOOLEANS = {"1": 1, "on": 1, "yes": 1, "true": 1, "0": 0, "off": 0, "no": 0, "false": 0}

_PATTERN = {"type": "string", "optional": 1}
_INTEGER = {"type": "integer", "optional": 1}
_BOOLEAN = {"type": "boolean", "optional": 1}

# The schema gives these by name only; the keys are those of the manual (qm.conf(5), vzdump.conf(5), pvesm).
NAMED: dict[str, dict[str, Any]] = {
    "pve-qm-boot": {
        "legacy": {"type": "string", "optional": 1, "default_key": 1, "pattern": "[acdn]{1,4}"},
        "order": {"type": "string", "optional": 1, "pattern": r"[a-z0-9;]+"},
    },
    "pve-qm-ipconfig": {
        "ip": {"type": "string", "optional": 1, "format": "pve-ipv4-config"},
        "gw": {"type": "string", "optional": 1, "format": "ipv4"},
        "ip6": {"type": "string", "optional": 1, "format": "pve-ipv6-config"},
        "gw6": {"type": "string", "optional": 1, "format": "ipv6"},
    },
    "pve-vm-cpu-conf": {
        "cputype": {"type": "string", "optional": 1, "default_key": 1},
        "flags": _PATTERN,
        "guest-phys-bits": _INTEGER,
        "hidden": _BOOLEAN,
        "hv-vendor-id": _PATTERN,
        "level": _INTEGER,
        "phys-bits": _PATTERN,
        "reported-model": _PATTERN,
    },
    "pve-qm-smbios1": {
        "base64": _BOOLEAN,
        "uuid": {
            "type": "string",
            "optional": 1,
            "pattern": "[a-fA-F0-9]{8}(-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}",
        },
        **dict.fromkeys(("version", "serial", "manufacturer", "product", "sku", "family"), _PATTERN),
    },
    "pve-qm-rng": {
        "source": {"type": "string", "default_key": 1, "enum": ["/dev/urandom", "/dev/random", "/dev/hwrng"]},
        "max_bytes": _INTEGER,
        "period": _INTEGER,
    },
    "pve-qm-watchdog": {
        "model": {"type": "string", "optional": 1, "default_key": 1, "enum": ["i6300esb", "ib700"]},
        "action": _PATTERN,
    },
    "prune-backups": {
        "keep-all": _BOOLEAN,
        **{
            f"keep-{period}": {"type": "integer", "optional": 1, "minimum": 0}
            for period in ("last", "hourly", "daily", "weekly", "monthly", "yearly")
        },
    },
    "backup-fleecing": {
        "enabled": {"type": "boolean", "optional": 1, "default_key": 1},
        "storage": {"type": "string", "optional": 1, "format": "pve-storage-id"},
    },
    "backup-performance": {
        "max-workers": {"type": "integer", "optional": 1, "minimum": 1, "maximum": 256},
        "pbs-entries-max": {"type": "integer", "optional": 1, "minimum": 1},
    },
}


class PropertyStringError(ValueError):
    """The string cannot be taken apart."""


def split_properties(text: str, fields: dict[str, Any]) -> dict[str, str]:
    """Take a property string apart; aliases (`virtio=MAC`) come out under the key that they stand for."""
    found: dict[str, str] = {}
    default = next((name for name, schema in fields.items() if schema.get("default_key")), None)
    for part in text.split(","):
        if not part.strip():
            continue
        key, equals, value = part.partition("=")
        if not equals:
            if default is None:
                raise PropertyStringError("value without key, but schema does not define a default key")
            key, value = default, part
        elif not key or not value:
            raise PropertyStringError("missing key in comma-separated list property")
        alias = fields.get(key, {}).get("alias")
        if alias:
            key_alias = fields[key].get("keyAlias")
            if key_alias:
                if key_alias in found:
                    raise PropertyStringError(f"key alias '{key_alias}' is already defined")
                found[key_alias] = key
            key = alias
        if key in found:
            raise PropertyStringError(f"duplicate key in comma-separated list property: {key}")
        found[key] = value
    return found


def read_options(text: str) -> dict[str, str]:
    """Read `key=value,...` without a schema; what has no key comes out under the empty key."""
    options: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        options[key if equals else ""] = value if equals else part
    return options


def write_options(options: dict[str, str]) -> str:
    """Write back what `read_options` read."""
    return ",".join(f"{key}={value}" if key else value for key, value in options.items())


def perl_pattern(pattern: str) -> str:
    """Turn Perl's `(?^:...)` groups, as the schema has them, into Python's."""
    return re.sub(r"\(\?\^([a-z]*):", lambda match: f"(?{match[1]}:" if match[1] else "(?:", pattern)
