"""Writes the reference of the ``drillbook_*`` variables and their JSON Schema from the one schema.

``python -m drillbook.config.docs`` writes both; with ``--check`` it exits with 1 if they are not up to date.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from drillbook.config.schema import GlobalVariables, group_variables, models_in
from drillbook.kinds.registry import KINDS

CONFIGURATION_PAGE = Path("docs/reference/configuration.md")
SCHEMA_FILE = Path("docs/reference/drillbook.schema.json")
_HEAD = """\
# Configuration

<!-- Written by `python -m drillbook.config.docs`; change the descriptions in config/schema.py, kinds/ and providers/ of scripts/drillbook. -->

Everything that drillbook needs stands in the inventory, beside the variables of the roles: there is no second
configuration file. It reads `ansible-inventory --list`, which renders no templates, so that every `drillbook_*` value is
literal. A key that is not listed here is refused, and so is one that is written for a single host. `drillbook config check`
shows all that is wrong. The same as JSON Schema: [drillbook.schema.json](drillbook.schema.json).
"""
_PARTS = (
    (GlobalVariables, "For all: `group_vars/all/drillbook.yml`"),
    (group_variables(KINDS.values()), "For a service: `group_vars/<its group>/drillbook.yml`"),
)


def schema() -> dict[str, Any]:
    """The JSON Schema of all keys, those of the service's group optional."""
    whole: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "drillbook's inventory variables",
        "type": "object",
        "properties": {},
        "$defs": {},
        "patternProperties": {"^(?!drillbook_)": {}},
        "additionalProperties": False,
    }
    for model, _title in _PARTS:
        part = model.model_json_schema()
        whole["properties"] |= part["properties"]
        whole["$defs"] |= part.get("$defs", {})
    return whole


def configuration_page() -> str:
    """The tables of all keys, as Markdown."""
    lines = [_HEAD]
    for model, title in _PARTS:
        lines += [f"## {title}", "", *_table(model)]
        for name, part in _nested(model):
            lines += [f"### `{name}`", "", str(part.__doc__), "", *_table(part)]
    return "\n".join(lines).rstrip() + "\n"


def _table(model: type[BaseModel]) -> list[str]:
    properties = model.model_json_schema()["properties"]
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else _default(properties[name])
        rows.append(f"| `{name}` | {default} | {field.description or ''} |")
    return [*rows, ""]


def _default(found: dict[str, Any]) -> str:
    value = found.get("default")
    return "none" if value is None or value in ([], "") else f"`{json.dumps(value)}`"


def _nested(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """The models inside ``model`` with the key that leads to each, depth first; of several kinds of one key, each."""
    for name, field in model.model_fields.items():
        for part in models_in(field.annotation):
            kinds = get_args(part.model_fields["kind"].annotation) if "kind" in part.model_fields else ()
            key = f"{name}[kind={kinds[0]}]" if len(kinds) == 1 else name
            yield key, part
            yield from ((f"{key}.{inner}", found) for inner, found in _nested(part))


def main() -> int:
    """Write both files below the present directory, or compare them."""
    contents = {CONFIGURATION_PAGE: configuration_page(), SCHEMA_FILE: json.dumps(schema(), indent=2) + "\n"}
    if "--check" in sys.argv[1:]:
        stale = [str(path) for path, content in contents.items() if not path.exists() or path.read_text() != content]
        if stale:
            sys.stderr.write(f"not up to date: {', '.join(stale)}; run python -m drillbook.config.docs\n")
        return 1 if stale else 0
    for path, content in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
