"""A stand-in for the command `aws`: it calls boto3 with what it is given, so botocore judges verbs, options and values.

Understood are `aws SERVICE VERB`, options with JSON or `file://` values, flags, `--region` and `--query`. Keys and the address of
the server come from the environment, as the real one takes them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import boto3
import jmespath  # type: ignore[import-untyped] # ships no types; botocore brings it
from botocore import xform_name

_SDK: Any = boto3  # its types know each service's name as a literal, and here it is an argument
SERVICES = {"s3api": "s3", "iam": "iam"}
_OWN = {"--region", "--query"}


def value(text: str, kind: str) -> Any:
    """What an option's text means where botocore wants a ``kind``."""
    if text.startswith("file://"):
        text = Path(text.removeprefix("file://")).read_text(encoding="utf-8")
    return json.loads(text) if kind in {"structure", "list"} else text


def main(service: str, verb: str, *arguments: str) -> Any:
    """Make the call; returns the answer as `--query` wants it."""
    rest, own, given = list(arguments), dict[str, str](), dict[str, Any]()
    client = _SDK.client(SERVICES[service])
    model = client.meta.service_model
    operation = next(name for name in model.operation_names if xform_name(name, "-") == verb)
    members = {xform_name(name, "-"): name for name in model.operation_model(operation).input_shape.members}
    while rest:
        option = rest.pop(0)
        if option in _OWN:
            own[option] = rest.pop(0)
            continue
        name = members[option.removeprefix("--")]
        kind = model.operation_model(operation).input_shape.members[name].type_name
        given[name] = True if kind == "boolean" else value(rest.pop(0), kind)
    answer = getattr(client, xform_name(operation))(**given)
    return jmespath.search(own["--query"], answer) if "--query" in own else {}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])) + "\n")
