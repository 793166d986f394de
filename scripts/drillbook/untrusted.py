"""The one reader of JSON that others wrote: guests, agents, notes in a provider. Whatever is odd about it is one error."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from drillbook.errors import MalformedDataError

ANSWER_LIMIT = 64 * 1024
"""Bytes of a document, where nothing else is said."""
_DEPTH = 32
_SURROGATES = ("\ud800", "\udfff")


def read_object(content: str | bytes, *, where: str, limit: int = ANSWER_LIMIT) -> Mapping[str, Any]:
    """Read one JSON object of at most ``limit`` bytes.

    Raises MalformedDataError for anything else: other types, bytes that are no UTF-8, NaN and infinities, lone surrogates, a key
    that comes twice, and more than 32 levels.
    """
    if len(content) > limit:
        _refuse(f"it is larger than {limit} bytes", where)
    try:
        text = content.decode("utf-8") if isinstance(content, bytes) else content
        found = json.loads(text, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        _refuse(f"it is no JSON ({type(error).__name__})", where)
    if not isinstance(found, dict):
        _refuse(f"it is JSON, but no object ({type(found).__name__})", where)
    _look_through(found, where, 0)
    return found


def whole_number(data: Mapping[str, Any], key: str, *, where: str, largest: int = 2**63 - 1) -> int:
    """Return the whole number from 0 to ``largest`` that ``data`` has under ``key``; raises MalformedDataError for anything else."""
    value = data.get(key)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(largest)):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= largest:
        _refuse(f"its {key} is no whole number from 0 to {largest}", where)
    return value


def short_text(data: Mapping[str, Any], key: str, *, where: str, longest: int = 255) -> str:
    """Return the text that ``data`` has under ``key``, "" where it has none; raises MalformedDataError for anything else."""
    value = data.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest:
        _refuse(f"its {key} is no text of at most {longest} characters", where)
    return value


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key comes twice")
    return found


def _look_through(value: object, where: str, depth: int) -> None:
    if depth > _DEPTH:
        _refuse(f"it has more than {_DEPTH} levels", where)
    if isinstance(value, dict):
        for key, inner in value.items():
            _look_through(key, where, depth)
            _look_through(inner, where, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _look_through(inner, where, depth + 1)
    elif isinstance(value, float) and not -1e308 < value < 1e308:  # also not a number
        _refuse("it holds a number that is none, or infinite", where)
    elif isinstance(value, str) and any(_SURROGATES[0] <= character <= _SURROGATES[1] for character in value):
        _refuse("it holds half a character", where)


def _refuse(why: str, where: str) -> NoReturn:
    raise MalformedDataError(
        why, where=where, remedy="See who writes it: drillbook's own agents write nothing like it."
    )
