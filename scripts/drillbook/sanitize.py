"""Takes out of foreign text what a terminal would obey or a file can't hold; everything that is shown or recorded comes through here."""

import math
import re
from collections.abc import Mapping
from typing import Any

_COLOUR = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_UNSAFE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # what terminals obey; tabs and line breaks stay
    r"\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"  # what turns the direction of reading round, or breaks lines unseen
    r"\ud800-\udfff]"  # halves of a character, which UTF-8 can't write
)
_REPLACEMENT = "\ufffd"
_DEPTH = 32
_BITS = 256


def sanitized(text: str) -> str:
    """Return ``text`` without terminal sequences; each other control character and each lone surrogate becomes U+FFFD."""
    return _UNSAFE.sub(_REPLACEMENT, _COLOUR.sub("", text).replace("\r\n", "\n"))


def sanitized_json(value: object) -> Any:
    """Return ``value`` as JSON can hold it, whatever it was: all text sanitized, no number that JSON lacks, at most 32 levels."""
    return _plain(value, 0)


def _plain(value: object, depth: int) -> Any:
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        if depth >= _DEPTH:
            return "nested too deeply"
        if isinstance(value, Mapping):
            return {sanitized(str(key)): _plain(inner, depth + 1) for key, inner in value.items()}
        return [_plain(inner, depth + 1) for inner in value]
    if isinstance(value, int):  # also a truth value
        return value if value.bit_length() <= _BITS else f"a whole number of {value.bit_length()} bits"
    if value is None or (isinstance(value, float) and math.isfinite(value)):
        return value
    return sanitized(str(value))
