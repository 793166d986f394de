"""Parameters against the schema, with Proxmox VE's own words."""

from __future__ import annotations

import re
from typing import Any

from tests.support.proxmox.formats import check_named
from tests.support.proxmox.property_strings import BOOLEANS, NAMED, PropertyStringError, perl_pattern, split_properties
from tests.support.proxmox.schema import Endpoint

UNKNOWN = "property is not defined in schema and the schema does not allow additional properties"
MISSING = "property is missing and it is not optional"
_NUMBERED = re.compile(r"^(.*?)(\d+)$")
# How many of each the manual allows; the schema itself says only `[n]`.
_LIMITS = {
    "net": 32,
    "ide": 4,
    "sata": 6,
    "scsi": 31,
    "virtio": 16,
    "mp": 256,
    "unused": 256,
    "ipconfig": 32,
    "serial": 4,
}


def described(name: str, properties: dict[str, Any]) -> dict[str, Any] | None:
    """Find what the schema says about a parameter; `net0` is described under `net[n]`."""
    if name in properties:
        found: dict[str, Any] = properties[name]
        return found
    numbered = _NUMBERED.match(name)
    if numbered and f"{numbered[1]}[n]" in properties and int(numbered[2]) < _LIMITS.get(numbered[1], 256):
        indexed: dict[str, Any] = properties[f"{numbered[1]}[n]"]
        return indexed
    return None


def validate(endpoint: Endpoint, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the parameters with the schema's types, and one error for each that it refuses."""
    return _object(given, endpoint.parameters_for(given), "")


def _object(given: dict[str, Any], properties: dict[str, Any], prefix: str) -> tuple[dict[str, Any], dict[str, str]]:
    typed: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, value in given.items():
        path = f"{prefix}.{name}" if prefix else name
        schema = described(name, properties)
        if schema is None:
            errors[path] = UNKNOWN
            continue
        required = schema.get("requires")
        if required and required not in given:
            errors[f"{prefix}.{required}" if prefix else required] = (
                f"missing property - '{path}' requires this property"
            )
        typed[name], wrong = _value(value, schema, path)
        if wrong:
            errors[path] = wrong
    for name, schema in properties.items():
        if name not in given and not schema.get("optional") and "alias" not in schema and not name.endswith("[n]"):
            errors[f"{prefix}.{name}" if prefix else name] = MISSING
    return typed, errors


def _value(value: Any, schema: dict[str, Any], path: str) -> tuple[Any, str | None]:
    kind = schema.get("type")
    if kind == "array":
        items = value if isinstance(value, list) else [value]
        checked = [_value(item, schema.get("items", {}), path) for item in items]
        return [item for item, _ in checked], next((wrong for _, wrong in checked if wrong), None)
    if isinstance(value, bool):
        value = int(value)
    if kind == "object" or isinstance(value, dict | list):
        return (
            value,
            None
            if kind == "object"
            else f"type check ('{kind}') failed - got '{'HASH' if isinstance(value, dict) else 'ARRAY'}'",
        )
    text = "" if value is None else str(value)
    if kind in {"integer", "number", "boolean"}:
        return _number(text, kind, schema, path)
    return text, _text(text, schema, path)


def _number(text: str, kind: str, schema: dict[str, Any], path: str) -> tuple[Any, str | None]:
    failed = f"type check ('{kind}') failed - got '{text}'"
    if kind == "boolean":
        return (BOOLEANS[text.lower()], None) if text.lower() in BOOLEANS else (text, failed)
    pattern = r"[+-]?\d+" if kind == "integer" else r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?"
    if not re.fullmatch(pattern, text):
        return text, failed
    number = int(text) if kind == "integer" else float(text)
    wrong = _text(text, schema, path)
    if wrong:
        return number, wrong
    if "maximum" in schema and number > float(schema["maximum"]):
        return number, f"value must have a maximum value of {schema['maximum']}"
    if "minimum" in schema and number < float(schema["minimum"]):
        return number, f"value must have a minimum value of {schema['minimum']}"
    return number, None


def _text(text: str, schema: dict[str, Any], path: str) -> str | None:
    """Check a text; the order is that of PVE::JSONSchema, where the first mistake is the one that is told."""
    shape = schema.get("format")
    if shape is not None:
        fields = shape if isinstance(shape, dict) else NAMED.get(shape)
        wrong = check_named(shape, text) if fields is None else _properties(text, fields, path)
        if wrong:
            return f"invalid format - {wrong}\n"
    if "pattern" in schema and not re.fullmatch(perl_pattern(schema["pattern"]), text):
        return "value does not match the regex pattern"
    if "maxLength" in schema and len(text) > int(schema["maxLength"]):
        return f"value may only be {schema['maxLength']} characters long"
    if "minLength" in schema and len(text) < int(schema["minLength"]):
        return f"value must be at least {schema['minLength']} characters long"
    if "enum" in schema and text not in schema["enum"]:
        return f"value '{text}' does not have a value in the enumeration '{', '.join(schema['enum'])}'"
    return None


def _properties(text: str, fields: dict[str, Any], path: str) -> str | None:
    try:
        options = split_properties(text, fields)
    except PropertyStringError as error:
        return str(error)
    _, errors = _object(options, fields, path)
    return (
        "format error\n" + "\n".join(f"{name}: {wrong}" for name, wrong in sorted(errors.items())) if errors else None
    )
