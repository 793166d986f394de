"""The official API schema, read from the installed `fakepve` package: it is AGPL data, so it is not copied into this repository."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

# The file is read without importing the package: this process runs none of its code.
SCHEMA_FILE = "fakepve/data/pve-api.json.gz"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method on one path."""

    method: str
    path: str
    parameters: dict[str, Any]
    permissions: dict[str, Any] | None
    tokens_allowed: bool
    # Where one parameter decides about the others: the others by its value.
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    decided_by: str = ""

    def parameters_for(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return what the schema says about the parameters of one call."""
        return self.parameters | self.variants.get(str(given.get(self.decided_by)), {})

    @property
    def writes(self) -> bool:
        """Whether a call may change something."""
        return self.method != "GET"


@dataclass(slots=True)
class _Branch:
    """One level of the path tree."""

    literal: dict[str, _Branch] = field(default_factory=dict)
    placeholder: tuple[str, _Branch] | None = None
    endpoints: dict[str, Endpoint] = field(default_factory=dict)


class Schema:
    """All endpoints, found by method and path."""

    def __init__(self, paths: dict[str, Any]) -> None:
        self._root = _Branch()
        self.endpoints: list[Endpoint] = []
        for path, methods in paths.items():
            for method, described in methods.items():
                common, variants, decided_by = _read_parameters(described["parameters"])
                tokens = bool(described.get("allowtoken"))
                self._add(Endpoint(method, path, common, described.get("permissions"), tokens, variants, decided_by))

    def _add(self, endpoint: Endpoint) -> None:
        branch = self._root
        for part in endpoint.path.strip("/").split("/"):
            if part.startswith("{"):
                if branch.placeholder is None:
                    branch.placeholder = (part.strip("{}"), _Branch())
                branch = branch.placeholder[1]
            else:
                branch = branch.literal.setdefault(part, _Branch())
        branch.endpoints[endpoint.method] = endpoint
        self.endpoints.append(endpoint)

    def find(self, method: str, path: str) -> tuple[Endpoint, dict[str, str]] | None:
        """Return the endpoint and the values of the placeholders in its path, or nothing where the API has no such call."""
        branch, values = self._root, {}
        parts = [part for part in path.split("/") if part]
        for position, part in enumerate(parts):
            if part in branch.literal:
                branch = branch.literal[part]
                continue
            if branch.placeholder is None:
                return None
            name, branch = branch.placeholder
            if name == "volume":  # a volume's name has slashes of its own, and nothing follows it
                values[name] = "/".join(parts[position:])
                break
            values[name] = part
        endpoint = branch.endpoints.get(method)
        return (endpoint, values) if endpoint else None


def _read_parameters(described: dict[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]], str]:
    """Return the parameters that every call may have, those of each variant, and which parameter names the variant."""
    common: dict[str, Any] = {}
    variants: dict[str, dict[str, Any]] = {}
    decided_by = ""
    for part in described.get("allOf", [described]):
        common |= part.get("properties", {})
        if "oneOf" in part:
            decided_by = part["type-property"]
            common[decided_by] = part["type-property-schema"]
            variants = {variant["instance-type"]: variant["properties"] for variant in part["oneOf"]}
    return common, variants, decided_by


@cache
def load_schema() -> Schema:
    """Read the schema of the installed package."""
    located = Path(str(distribution("fakepve").locate_file(SCHEMA_FILE)))
    return Schema(json.loads(gzip.decompress(located.read_bytes()))["paths"])
